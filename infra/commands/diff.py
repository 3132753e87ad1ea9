"""`diff`: what a deployment would change, in CloudFormation's own words."""

from __future__ import annotations

import argparse

from rich.console import Console

from infra import change_report, changes, cloudformation, stages
from infra.account import Account
from infra.commands import plan
from infra.releases import Proposal, Release
from ops.terminal import console

DIFFERENT = 2
"""The exit status with `--exit-code` when something would change."""


def run(options: argparse.Namespace) -> int:
    """Print the changes of each stack. Nothing is changed; a large template is put into the bucket to be read."""
    account = Account(options.profile, options.region)
    stage = stages.named(options.stage, emulated=account.is_emulated)
    definitions = plan.stacks(account, stage, options.stacks)
    release = plan.release(options, account, definitions, plan.bucket(options, account, making=False))
    screen = console()
    differ = [_print(screen, release, release.propose(definition)) for definition in definitions]
    return DIFFERENT if options.exit_code and any(differ) else 0


def _print(screen: Console, release: Release, proposal: Proposal) -> bool:
    """Whether anything would change."""
    if reason := _why_not_asked(release, proposal):
        found = changes.additions(proposal.template.resources) if proposal.is_new else []
        note = f"as the template has it: {reason}" if proposal.is_new else f"cannot be compared: {reason}"
        screen.print(change_report.summary(proposal.name, found, note), *change_report.lines(found), sep="\n")
        return True
    change_set = release.change_set(proposal)
    if change_set.changes_nothing:
        screen.print(change_report.summary(proposal.name, []))
        return False
    release.discard(proposal.definition, change_set)
    note = "" if change_set.changes else "but for what is around the resources, such as outputs"
    screen.print(
        change_report.summary(proposal.name, change_set.changes, note),
        *change_report.lines(change_set.changes),
        sep="\n",
    )
    return True


def _why_not_asked(release: Release, proposal: Proposal) -> str:
    """Why CloudFormation cannot compare yet; empty when it can."""
    if proposal.missing:
        more = f" and {len(proposal.missing) - 1} more" if proposal.missing[1:] else ""
        return f"nobody has written {proposal.missing[0]}{more} yet"
    if proposal.template.size > cloudformation.LARGEST_BODY and not release.bucket:
        return "there is no bucket to put it into yet"
    if proposal.is_new and proposal.stack and proposal.stack["StackStatus"] != cloudformation.SHELL:
        return f"the stack is in {proposal.stack['StackStatus']} and will be made anew"
    return ""
