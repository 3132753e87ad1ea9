"""What the policies grant, and which of it the emulator asks for."""

from __future__ import annotations

import json

from local.home import CHECKOUT
from tests.grants.explanations import EXPLANATIONS

POLICIES = {
    path.stem.removeprefix("policy-"): json.loads(path.read_text())
    for path in (CHECKOUT / ".chalice").glob("policy-*.json")
}
GRANTS = [
    (function, statement["Sid"], action)
    for function, policy in sorted(POLICIES.items())
    for statement in policy["Statement"]
    for action in statement["Action"]
]
ENFORCED = [
    (function, sid, action)
    for function, sid, action in GRANTS
    if not any((each.sid, each.resource) == (sid, "") and action in each.actions for each in EXPLANATIONS)
]
"""The grants, by the `Sid` of their statement and their action, whose absence the emulator notices."""
