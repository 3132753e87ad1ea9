"""Believable demo products: a hand-written couple of dozen, and as many more as one asks for, always the same ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

SELLERS = tuple(
    f"{name} {trade}"
    for name, trade in zip(
        ("Alder", "Birch", "Cove", "Dune", "Ember", "Fjord", "Grove", "Harbour", "Iris", "Juniper"),
        ("& Sons", "Workshop", "Supply", "Trading", "Studio", "Outfitters", "Home", "Goods", "Atelier", "Living"),
        strict=True,
    )
)
DEMO_SELLER = -1
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_APART = timedelta(minutes=20)


@dataclass(frozen=True)
class Product:
    """One demo product. `seller` counts in SELLERS, or is DEMO_SELLER. `amount` is in minor units."""

    number: int
    seller: int
    sku: str
    name: str
    description: str
    amount: int
    currency: str = "EUR"
    stock: int = 25
    status: str = "active"

    @property
    def listed_at(self) -> datetime:
        """When it was listed: long before anything that is listed by hand."""
        return _FIRST + self.number * _APART

    @property
    def id(self) -> UUID:
        """A UUIDv7 of the listing's time that is the same on every machine."""
        milliseconds = int(self.listed_at.timestamp() * 1000)
        chance = int.from_bytes(hashlib.sha256(f"demo product {self.number}".encode()).digest()[:10])
        bits = milliseconds << 80 | 0x7 << 76 | (chance >> 64 & 0xFFF) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
        return UUID(int=bits)


def products(count: int) -> Iterator[Product]:
    """The first `count` demo products."""
    for number in range(count):
        yield _written(number) if number < len(_WRITTEN) else _made_up(number)


def _written(number: int) -> Product:
    name, amount, stock, description = _WRITTEN[number]
    status = {len(_WRITTEN) - 2: "draft", len(_WRITTEN) - 1: "archived"}.get(number, "active")
    return Product(number, DEMO_SELLER, f"DEMO-{number + 1:03}", name, description, amount, stock=stock, status=status)


def _made_up(number: int) -> Product:
    chance = random.Random(number)  # noqa: S311 - products, not secrets
    prefix, (low, high), nouns, materials, uses = chance.choice(_KINDS)
    noun, material, use = chance.choice(nouns), chance.choice(materials), chance.choice(uses)
    finish, size = chance.choice(_FINISHES), chance.choice(_SIZES)
    return Product(
        number,
        seller=chance.randrange(len(SELLERS)),
        sku=f"{prefix}-{number:06}",
        name=f"{finish} {material} {noun}, {size}",
        description=f"{noun} in {finish.lower()} {material.lower()}, {use}. {chance.choice(_CARE)}",
        amount=_price(chance, low, high),
        currency=chance.choices(("EUR", "USD", "GBP"), (80, 12, 8))[0],
        stock=chance.choice((0, 1, 3, 8, 20, 45, 120)),
        status=chance.choices(("active", "draft", "archived"), (95, 3, 2))[0],
    )


def _price(chance: random.Random, low: int, high: int) -> int:
    """A price in minor units as shops write it; cheap ones are more frequent."""
    euros = low + (high - low) * chance.random() ** 2
    return int(euros) * 100 + chance.choice((0, 49, 50, 90, 95, 99))


_WRITTEN = (
    ("Walnut Cutting Board", 4900, 18, "End-grain walnut, 40 by 28 cm, with a juice groove and rubber feet."),
    ("Cast Iron Skillet 26 cm", 3950, 40, "Pre-seasoned. Works on induction, in the oven and over a fire."),
    ("Pour-Over Coffee Set", 3400, 25, "Glass server for four cups, steel filter and a bamboo stand."),
    ("Stoneware Mug, Set of Two", 2600, 60, "Hand-glazed in sea green; 350 ml each, dishwasher safe."),
    ("Linen Apron", 3200, 32, "Washed European linen with two deep pockets and crossed straps."),
    ("Chef's Knife 20 cm", 8900, 14, "High-carbon steel at 60 HRC with a handle of stabilised beech."),
    ("Merino Crew Sweater", 7900, 22, "Extra-fine merino in charcoal, knitted in one piece."),
    ("Waxed Canvas Backpack", 12900, 9, "20 litres, a sleeve for a 15-inch laptop, brass buckles."),
    ("Trail Running Shoes", 11500, 27, "Grippy lugs, 6 mm drop, toe guard; for mud and rock."),
    ("Wool Picnic Blanket", 5900, 30, "Recycled wool with a water-resistant back and a leather carrier."),
    ("Titanium Camping Mug", 2450, 75, "450 ml, 72 g, folding handles; boils over any stove."),
    ("Two-Person Tent", 24900, 6, "Freestanding, 1.9 kg, 3000 mm fly sheet, two vestibules."),
    ("Mechanical Keyboard", 13900, 16, "75 per cent layout, hot-swappable switches, USB-C."),
    ("Noise-Cancelling Headphones", 19900, 20, "30 hours of battery, folds flat, with a cable for the aeroplane."),
    ("Desk Lamp with Dimmer", 6400, 19, "Warm to cool white, touch dimmer, an arm that stays where it is put."),
    ("Standing Desk Mat", 4200, 35, "Cushioned and bevelled, so that nobody trips over it."),
    ("Dotted Notebook A5", 1450, 140, "192 numbered pages of 100 g paper that ink does not bleed through."),
    ("Fountain Pen, Fine", 3600, 28, "Steel nib, piston filler, a cap that posts securely."),
    ("Wooden Train Set", 4500, 24, "42 pieces of beech with a bridge and a crossing; from three years."),
    ("Illustrated Bird Atlas", 3800, 45, "240 European birds, drawn by hand, with calls to listen to."),
    ("Herb Garden Starter Kit", 2200, 50, "Basil, parsley and chives with pots, soil tablets and a saucer."),
    ("Beeswax Candles, Set of Six", 1900, 80, "Pure beeswax with cotton wicks; eight hours each."),
    ("Ceramic Plant Pot 18 cm", 2400, 33, "Matt white with a drainage hole and a cork saucer."),
    ("Enamel Teapot (Second Edition)", 3100, 12, "One litre, with an infuser. Still being photographed."),
    ("Rattan Side Table", 6900, 0, "No longer made; kept for the orders that name it."),
)
_KINDS: tuple[tuple[str, tuple[int, int], tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "KIT",
        (6, 160),
        ("Mixing Bowl", "Teapot", "Saucepan", "Salad Servers", "Rolling Pin", "Bread Box", "Carafe", "Pepper Mill"),
        ("Oak", "Stoneware", "Steel", "Copper", "Bamboo", "Glass", "Enamel"),
        ("made for daily cooking", "a pleasure to hold", "ready for the oven", "easy to clean"),
    ),
    (
        "HOM",
        (9, 420),
        ("Floor Lamp", "Bookshelf", "Armchair", "Wall Clock", "Storage Basket", "Mirror", "Bedspread", "Cushion"),
        ("Linen", "Walnut", "Rattan", "Brass", "Cotton", "Birch", "Wool"),
        ("for a quiet corner", "that suits small rooms", "delivered assembled", "made to be repaired"),
    ),
    (
        "OUT",
        (8, 380),
        (
            "Sleeping Bag",
            "Dry Bag",
            "Camp Stove",
            "Hammock",
            "Head Torch",
            "Trekking Poles",
            "Water Bottle",
            "Rucksack",
        ),
        ("Ripstop", "Titanium", "Aluminium", "Recycled Nylon", "Canvas", "Carbon"),
        ("tested above the tree line", "light enough for long days", "for wet weather", "for families"),
    ),
    (
        "CLO",
        (12, 240),
        ("Rain Jacket", "Cardigan", "Chino Trousers", "Scarf", "Work Shirt", "Beanie", "Leather Belt", "Wool Socks"),
        ("Merino", "Organic Cotton", "Alpaca", "Denim", "Corduroy", "Hemp"),
        ("cut with room to move", "knitted in small batches", "that grows softer", "for three seasons"),
    ),
    (
        "TEC",
        (10, 690),
        ("Loudspeaker", "Webcam", "Power Bank", "Monitor Arm", "Wireless Mouse", "Travel Adapter", "Microphone"),
        ("Aluminium", "Recycled Plastic", "Graphite", "Magnesium"),
        ("with two years of guarantee", "that charges over USB-C", "with spare parts in stock", "for the home office"),
    ),
    (
        "TOY",
        (5, 130),
        ("Building Blocks", "Puzzle", "Kite", "Board Game", "Hand Puppet", "Marble Run", "Spinning Top"),
        ("Beech", "Felt", "Cardboard", "Maple", "Silk"),
        ("from three years", "for rainy afternoons", "for two to five players", "painted with safe colours"),
    ),
)
_FINISHES = (
    *("Natural", "Midnight Blue", "Forest Green", "Terracotta", "Charcoal", "Ivory", "Mustard", "Rust", "Sage"),
    *("Sand", "Plum", "Slate", "Copper Red", "Sky Blue"),
)
_SIZES = (
    *("Small", "Medium", "Large", "Extra Large", "Compact", "Travel Size", "Set of Two", "Set of Four"),
    *("Classic", "Second Edition"),
)
_CARE = (
    "Wipe with a damp cloth.",
    "Ships in plain cardboard within two days.",
    "Every piece differs a little.",
    "Spare parts are listed by the same seller.",
    "Returned free of charge within thirty days.",
)
