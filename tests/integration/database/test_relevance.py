"""Which products a question is about: by words, words much like them, meaning, and only public ones."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from chalicelib import database, products
from chalicelib.products.relevance import Meaning
from tests.people import Person, enrolled
from tests.products import listed
from tests.services import Services

MODEL = "amazon.titan-embed-text-v2:0"
HOSTILE = [
    "'; DROP TABLE products; --", "a & | ! ( ) <-> :* b", "\\' \\\\ ''", "…", "?!", "the and of", "100% %s %(x)s :q $1",
    "e\u0301tage\u0300re", "\U0001f600" * 50, "word " * 800, "/usr/share\\doc it's o'clock",
]  # fmt: skip


@pytest.fixture(scope="module")
def seller(environment: dict[str, str], services: Services) -> Iterator[Person]:
    services.sql("UPDATE products SET status = 'archived'")
    yield enrolled()
    services.sql("DELETE FROM product_embeddings")


def test_one_word_of_a_question_is_enough(seller: Person) -> None:
    lamp = listed(seller, name="Walnut desk lamp", description="Warm light for long evenings.")
    listed(seller, name="Cast iron skillet", description="Keeps its heat.")

    assert _found("Which lamp would you recommend for my grandmother's birthday, please?")[0] == lamp


def test_the_product_with_more_of_the_words_comes_first(seller: Person) -> None:
    listed(seller, name="Green teapot")
    kettle = listed(seller, name="Green enamel kettle", description="For the stove.")

    assert _found("do you have a green kettle made of enamel?")[0] == kettle


def test_a_typing_error_is_forgiven(seller: Person) -> None:
    accordion = listed(seller, name="Chromatic accordion")

    assert accordion in _found("i look for an acordeon or acordion")


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_is_not_public_is_never_found(seller: Person, status: str) -> None:
    hidden = listed(seller, name="Obsidian astrolabe", status=status if status == "draft" else "active")
    with_meaning = Meaning(MODEL, _direction(3))
    described = [each for each in database.read(lambda: products.unlearned(MODEL, 100)) if str(each.id) == hidden]
    database.write(lambda: products.learn(MODEL, [(each, _direction(3)) for each in described]))
    if status == "archived":
        database.write(lambda: products.archive(seller.caller, described[0].id, None))

    assert hidden not in _found("Obsidian astrolabe")
    assert hidden not in _found("Obsidian astrolabe", with_meaning)


def test_a_question_that_fits_nothing_gets_the_newest(seller: Person) -> None:
    newest = listed(seller, name="Plain thing")

    assert _found("xyzzy qwrtp")[0] == newest


@pytest.mark.parametrize("question", HOSTILE)
def test_any_text_is_a_question(seller: Person, question: str) -> None:
    assert isinstance(_found(question), list)


def test_what_means_the_same_is_found_without_a_common_word(seller: Person) -> None:
    sofa = listed(seller, name="Three-seater sofa", description="Linen cover.")
    _learn(sofa, _direction(7))
    for number in range(6):
        listed(seller, name=f"Newer {number}")

    assert sofa in _found("somewhere to sit", Meaning(MODEL, _direction(7, 8)))
    assert sofa not in _found("somewhere to sit")


def test_the_meaning_by_another_model_is_not_compared(seller: Person) -> None:
    stool = listed(seller, name="Milking stool", description="Oak.")
    _learn(stool, _direction(9))
    for number in range(8):
        listed(seller, name=f"Newer {number}")

    assert stool not in _found("xyzzy", Meaning("another-model", _direction(9)))


def test_a_product_is_learned_once_and_again_after_its_text_changed(seller: Person) -> None:
    product = listed(seller, name="Copper funnel", description=f"{uuid4()}")
    _learn(product, _direction(1))

    assert product not in _unlearned()
    database.write(lambda: products.change(seller.caller, UUID(product), None, {"stock": 4}))
    assert product not in _unlearned()
    database.write(lambda: products.change(seller.caller, UUID(product), None, {"description": "Dented."}))
    assert product in _unlearned()


def test_without_pgvector_words_alone_decide(seller: Person, services: Services) -> None:
    harp = listed(seller, name="Celtic harp")
    services.sql("ALTER TABLE product_embeddings RENAME TO product_embeddings_away")
    try:
        assert harp in _found("a harp", Meaning(MODEL, _direction(2)))
        assert _unlearned() == []
    finally:
        services.sql("ALTER TABLE product_embeddings_away RENAME TO product_embeddings")


def _found(question: str, meaning: Meaning | None = None) -> list[str]:
    return [str(product.id) for product in database.read(lambda: products.relevant(question, meaning, 6))]


def _unlearned() -> list[str]:
    return [str(described.id) for described in database.read(lambda: products.unlearned(MODEL, 1000))]


def _learn(product: str, vector: list[float]) -> None:
    described = next(each for each in database.read(lambda: products.unlearned(MODEL, 1000)) if str(each.id) == product)
    database.write(lambda: products.learn(MODEL, [(described, vector)]))


def _direction(*axes: int) -> list[float]:
    """A vector that points between some of the axes."""
    return [1.0 if axis in axes else 0.0 for axis in range(1024)]
