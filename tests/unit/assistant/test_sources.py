"""Which products a reply names."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest

from chalicelib.assistant.tools import named_in

LAMP, BELL = UUID(int=1), UUID(int=2)
SHOWN = {LAMP: SimpleNamespace(id=LAMP, name="Walnut Desk-Lamp"), BELL: SimpleNamespace(id=BELL, name="Bell")}


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ("Take the **walnut desk lamp**, it is lovely.", [LAMP]),
        ("The bell (18.50 EUR) goes with the Walnut Desk-Lamp.", [BELL, LAMP]),
        ("Both doorbells and bellows are out.", []),
        ("", []),
        ("Nothing of ours fits.", []),
    ],
)
def test_a_product_is_a_source_when_the_reply_names_it(reply: str, named: list[UUID]) -> None:
    assert list(named_in(reply, SHOWN)) == named
