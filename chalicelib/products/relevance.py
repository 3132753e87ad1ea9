"""Which products a question is about, and learning what products mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from chalicelib.products import retrieval
from chalicelib.products.models import Product
from chalicelib.products.retrieval import Described

_RANK_OFFSET = 60
"""How little the first place is worth more than the second, in reciprocal rank fusion (Cormack et al., 2009)."""


@dataclass(frozen=True)
class Meaning:
    """A text as a vector, by the embedding model of that id."""

    model_id: str
    vector: Sequence[Any]


def relevant(question: str, meaning: Meaning | None, limit: int) -> list[Product]:
    """Up to `limit` public products that fit `question` best, by its words and its meaning; the newest when none does.

    Without a meaning, or where the database keeps none, words alone decide.
    """
    rankings = [retrieval.by_words(question, limit)]
    if meaning is not None and retrieval.has_meanings():
        rankings.append(retrieval.by_meaning(meaning.model_id, meaning.vector, limit))
    return _together(rankings)[:limit] or retrieval.newest(limit)


def unlearned(model_id: str, limit: int) -> list[Described]:
    """Public products whose meaning the model has yet to give; none where the database keeps no meanings."""
    return retrieval.unlearned(model_id, limit) if retrieval.has_meanings() else []


def learn(model_id: str, meanings: Sequence[tuple[Described, Sequence[Any]]]) -> None:
    """Stores what the model says that the texts mean."""
    retrieval.learn(model_id, meanings)


def _together(rankings: Sequence[Sequence[Product]]) -> list[Product]:
    """One ranking out of several: who stands high in one or in the middle of all comes first."""
    products = {product.id: product for ranking in rankings for product in ranking}
    scores = dict.fromkeys(products, Fraction(0))
    for ranking in rankings:
        for place, product in enumerate(ranking):
            scores[product.id] += Fraction(1, _RANK_OFFSET + place)
    return sorted(products.values(), key=lambda product: scores[product.id], reverse=True)
