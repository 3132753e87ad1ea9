"""Indexing the whole catalogue as a job."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chalicelib import database
from chalicelib.assistant import catalogue, embeddings
from chalicelib.errors import Unavailable
from chalicelib.jobs import search_index
from chalicelib.jobs.stop import Stop
from tests.environment import configured
from tests.people import enrolled
from tests.products import listed
from tests.services import Services

VECTOR = [1.0, *[0.0] * (embeddings.DIMENSIONS - 1)]


@pytest.fixture
def model_id(assistant_environment: dict[str, str], services: Services, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An embedding model that knows nothing yet of a catalogue of five products, and is asked about two at once."""
    services.sql("UPDATE products SET status = 'archived'")
    seller = enrolled()
    for _ in range(5):
        listed(seller)
    monkeypatch.setattr(catalogue, "AT_ONCE", 2)
    monkeypatch.setattr(embeddings, "embed", lambda _: VECTOR)
    name = f"model-{uuid4().hex}"
    with configured(**assistant_environment | {"ASSISTANT_EMBEDDING_MODEL_ID": name}):
        yield name


def _learned(services: Services, model_id: str) -> int:
    rows = services.sql("SELECT count(*) FROM product_embeddings WHERE model = :model", model=model_id)
    return int(rows[0][0])


def test_the_whole_catalogue_is_learned_anew_for_another_model(model_id: str, services: Services) -> None:
    assert search_index.run(Stop())
    assert _learned(services, model_id) == 5


def test_a_run_that_was_stopped_is_continued_by_the_next(
    model_id: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop()
    with monkeypatch.context() as stopping:
        write = database.write
        stopping.setattr(database, "write", lambda work: (write(work), stop.ask()))
        assert not search_index.run(stop)
    assert _learned(services, model_id) == 2

    assert search_index.run(Stop())
    assert _learned(services, model_id) == 5


def test_a_model_that_does_not_answer_fails_the_job_and_keeps_what_was_learned(
    model_id: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([VECTOR, VECTOR])

    def embed(_: str) -> Any:
        try:
            return next(asked)
        except StopIteration:
            raise Unavailable("The embedding model is not available right now.") from None

    monkeypatch.setattr(embeddings, "embed", embed)
    with pytest.raises(Unavailable):
        search_index.run(Stop())
    assert _learned(services, model_id) == 2


def test_without_an_embedding_model_there_is_nothing_to_do(assistant_environment: dict[str, str]) -> None:
    with configured(**assistant_environment):
        assert search_index.run(Stop())
