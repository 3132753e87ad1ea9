"""`stock`: a copy of the project that `chalice deploy` can deploy."""

from __future__ import annotations

import argparse

from boto3.session import Session

from infra import stages, stock
from infra.build import PROJECT
from infra.stages import DEFAULT_REGION


def run(options: argparse.Namespace) -> int:
    """Write the copy, and say what to do with it."""
    session = Session()
    stock.export(PROJECT, stages.named(options.stage), options.out, session, session.region_name or DEFAULT_REGION)
    print(f"{options.out}: run `chalice deploy --stage {options.stage}` there")
    return 0
