"""`python -m tests.faults [--share 0.2] [PART …]`: progress on standard error, one JSON line a figure at the end."""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults import figures
from tests.faults.parts import PARTS


def main() -> int:
    """Runs the parts; 1 when a promise was not kept."""
    options = _options()
    figures.claim_output()
    wrong: list[str] = []
    for part in options.parts or PARTS:
        figures.progress(part)
        started = time.monotonic()
        wrong += PARTS[part](options.share)
        figures.figure(f"{part} seconds", round(time.monotonic() - started))
    figures.figure("violations", len(wrong))
    figures.write()
    for sentence in wrong:
        figures.progress(f"VIOLATION  {sentence}")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="how much of the full size (default: all of it)")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)} (default: all)")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
