"""`status`: what runs, where it listens, and whether it answers."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from local import aws, emulator, model, postgresql, valkey
from local.home import Home, Settings
from local.ports import is_open
from local.stacks import Stacks


def run(home: Home, _arguments: Namespace) -> int:
    """Print a line for each part. Returns 1 when one does not answer."""
    settings, holder = home.settings(), home.holder()
    print(f"home         {home.folder}  ({f'runs as process {holder}' if holder else 'nothing runs'})")
    parts = list(_parts(settings))
    for name, address, answers in parts:
        print(f"{name:<12} {address:<58} {'answers' if answers else 'DOWN'}")
    for name, state in _stacks(settings):
        print(f"stack        {name:<58} {state}")
    return 0 if all(answers for _, _, answers in parts) else 1


def _parts(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    ports, database = settings.ports, postgresql.app_login(settings)
    yield "front door", f"http://localhost:{ports.front_door}", is_open(ports.front_door)
    yield "embedded AWS", aws.endpoint(settings), emulator.answers(ports.emulator)
    place = f"postgresql://{database.username}@{database.host}:{database.port}/{database.dbname}"
    yield "PostgreSQL", place, postgresql.answers(settings)
    yield "Valkey", valkey.place(settings), valkey.answers(settings)
    if not settings.model_url:
        yield "model", model.url(settings), is_open(ports.model)


def _stacks(settings: Settings) -> Iterator[tuple[str, str]]:
    if emulator.answers(settings.ports.emulator):
        try:
            yield from sorted(Stacks(settings).states().items())
        except (BotoCoreError, ClientError) as error:
            yield "?", str(error)
