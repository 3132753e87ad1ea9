"""Tokens: what the model says that it used, or an estimate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Usage:
    """Tokens that the model read and wrote."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens


def estimated(content: Any) -> int:
    """About how many tokens `content` is: text as it is, anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, default=str)
    return -(-len(text) // CHARACTERS_A_TOKEN)
