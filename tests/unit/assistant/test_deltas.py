"""Text on its way to a client: in frames that are numbered without gaps, far enough apart, and small enough."""

from __future__ import annotations

import json

import pytest

from chalicelib.assistant import deltas
from chalicelib.assistant.deltas import MOST_BYTES, Deltas, pieces
from tests.clock import Clock

TEXTS = {
    "plain": "a" * 100_000,
    "four bytes a character": "\U0001f600" * 20_000,
    "control characters": "\x01\n\t" * 15_000,
    "quotes and backslashes": '"\\' * 20_000,
    "mixed": "Grüße, 世界 \U0001f30d\n" * 5_000,
}


class _SteppingClock(Clock):
    def monotonic_ns(self) -> int:
        return int(self._elapsed * 1e9)


@pytest.fixture
def stepping(monkeypatch: pytest.MonkeyPatch) -> _SteppingClock:
    clock = _SteppingClock()
    monkeypatch.setattr(deltas, "time", clock)
    return clock


def test_pieces_that_come_fast_are_sent_together(stepping: _SteppingClock) -> None:
    sent: list[tuple[int, str]] = []
    speaking = Deltas(lambda sequence, text: sent.append((sequence, text)))

    for _ in range(20):
        speaking.add("ab")
        stepping.advance(0.0101)
    speaking.flush()

    assert [sequence for sequence, _ in sent] == list(range(1, len(sent) + 1))
    assert "".join(text for _, text in sent) == "ab" * 20
    assert 4 <= len(sent) <= 6


def test_the_first_words_do_not_wait(stepping: _SteppingClock) -> None:
    sent: list[str] = []
    Deltas(lambda _, text: sent.append(text)).add("Hello")

    assert sent == ["Hello"]


def test_much_text_does_not_wait(stepping: _SteppingClock) -> None:
    sent: list[str] = []
    speaking = Deltas(lambda _, text: sent.append(text))
    speaking.add("x")

    speaking.add("y" * MOST_BYTES)

    assert "".join(sent) == "x" + "y" * MOST_BYTES


def test_nothing_is_sent_when_nothing_waits() -> None:
    sent: list[str] = []
    speaking = Deltas(lambda _, text: sent.append(text))

    speaking.add("")
    speaking.flush()

    assert sent == []
    assert speaking.sequence == 0


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("escapes", [True, False])
def test_no_piece_is_too_large_however_its_characters_are_written(text: str, escapes: bool) -> None:
    parts = list(pieces(text))

    assert "".join(parts) == text
    assert max(len(json.dumps(part, ensure_ascii=escapes).encode()) for part in parts) <= MOST_BYTES + 2
    assert len(parts) <= len(json.dumps(text)) // (MOST_BYTES - 12) + 1
