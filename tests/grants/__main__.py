"""`python -m tests.grants [--every-grant]`: run what uses every grant, and print who uses what.

The tests say at their end what is used and not granted, and what is granted and not used.
"""

from __future__ import annotations

import subprocess
import sys

from local.home import CHECKOUT
from tests.grants.modules import USING
from tests.grants.report import FILE


def main() -> int:
    """The status of the tests; what they found is printed."""
    FILE.unlink(missing_ok=True)
    modules = [f"tests/integration/{name}" for name in (*USING, "test_grants.py")]
    done = subprocess.run([sys.executable, "-m", "pytest", *modules, *sys.argv[1:]], cwd=CHECKOUT, check=False)
    if FILE.exists():
        sys.stdout.write(FILE.read_text())
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
