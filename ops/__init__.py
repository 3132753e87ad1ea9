"""Commands for operators, against the laptop and against a stage on AWS."""

from __future__ import annotations
