"""The products that a question is about, found by words and, with an embedding model, by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from chalicelib import config, products
from chalicelib.assistant import embeddings
from chalicelib.assistant.reading import LookUp
from chalicelib.errors import Unavailable
from chalicelib.observability import count, logger

SHOWN = 6
AT_ONCE = 20
RESERVE_MILLISECONDS = 20_000
"""No batch is begun when the function has less time left."""


def find(question: str, look_up: LookUp) -> Sequence[Any]:
    """The public products that fit `question` best; the newest ones when none does."""
    meaning = _meaning(question)
    return look_up(lambda: products.relevant(question, meaning, SHOWN))


def index(context: Any, look_up: LookUp, store: LookUp) -> int:
    """Learns the meaning of products that are new or have changed; returns how many. Nothing without a model.

    The model is asked outside of any transaction. Runs may overlap and be repeated.
    """
    done = 0
    model_id = config.current().assistant.embedding_model_id
    while model_id and context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS:
        texts = look_up(lambda: products.unlearned(model_id, AT_ONCE))
        if not texts:
            break
        meanings = [(described, embeddings.embed(described.text)) for described in texts]
        store(partial(products.learn, model_id, meanings))
        done += len(meanings)
    if model_id:
        count("ProductsIndexed", done)
        logger.info("products indexed", extra={"amount": done})
    return done


def _meaning(question: str) -> Any | None:
    """The question's meaning; None without a model, or when it does not answer: words alone have to do then."""
    model_id = config.current().assistant.embedding_model_id
    if not model_id:
        return None
    try:
        return products.Meaning(model_id, embeddings.embed(question))
    except Unavailable:
        count("EmbeddingsFailed")
        return None
