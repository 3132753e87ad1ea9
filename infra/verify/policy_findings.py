"""Run by the environment that has parliament: policies by name on standard input, findings on standard output.

Both are JSON. Its command cannot be used: it refuses to run without a terminal.
"""

from __future__ import annotations

import json
import sys

from parliament import analyze_policy_string


def main() -> None:
    """Say of each policy what is unknown to IAM or does not fit: `{name: [[issue, detail], …]}`."""
    policies = json.load(sys.stdin)
    json.dump({name: _findings(json.dumps(policy)) for name, policy in policies.items()}, sys.stdout)


def _findings(policy: str) -> list[tuple[str, str]]:
    return [(finding.issue, json.dumps(finding.detail)) for finding in analyze_policy_string(policy).findings]


if __name__ == "__main__":
    main()
