"""Rules for what an alarm says. Each returns what breaks it, so that a test can also feed it breakage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

Template = dict[str, Any]

ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_LINK = re.compile(r"docs/runbook\.md#([a-z-]+)")
_LONGEST_DESCRIPTION = 1024


def unexplained_alarms(template: Template, runbook: str) -> list[str]:
    """Every alarm says in a sentence what is wrong, and ends with the section of the runbook that says what to do."""
    sections = anchors(runbook)
    return [
        f"{name} {fault}"
        for name, resource in template["Resources"].items()
        if resource["Type"] in ALARMS
        and (fault := _fault(resource["Properties"].get("AlarmDescription", ""), sections))
    ]


def unused_sections(templates: list[Template], runbook: str) -> set[str]:
    """Sections of the runbook that no alarm leads to."""
    return anchors(runbook) - set(_LINK.findall(str(templates)))


def incomplete_sections(runbook: str) -> list[str]:
    """Each section says what the alarm means, what to look at, what to do, and when it is over."""
    wanted = ("**Means**", "**Look at**", "**Do", "**Over**")
    sections = re.split(r"^### ", runbook, flags=re.MULTILINE)[1:]
    return [section.partition("\n")[0] for section in sections if not all(word in section for word in wanted)]


def anchors(runbook: str) -> set[str]:
    """The sections of single alarms, as links name them."""
    return {title.lower().replace(" ", "-") for title in re.findall(r"^### (.+)$", runbook, re.MULTILINE)}


def read(project: Path) -> str:
    """The runbook."""
    return (project / "docs" / "runbook.md").read_text()


def _fault(description: str, sections: set[str]) -> str:
    sentence, link = description.partition(" docs/")[0], _LINK.search(description)
    if not sentence.endswith(".") or len(description) > _LONGEST_DESCRIPTION:
        return "does not say what is wrong"
    if not link or not description.endswith(link[0]):
        return "does not say where to read on"
    return "" if link[1] in sections else f"leads to {link[1]}, which is not in the runbook"
