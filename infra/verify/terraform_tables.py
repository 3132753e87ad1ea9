"""The tables by which stacks become Terraform, held to the provider's schema: also what no stack has at the moment."""

from __future__ import annotations

from collections.abc import Iterator

from infra.terraform.translation import Argument, Inline, Nested, Table, Translation
from infra.verify.provider_schema import Schema, in_camel_case
from infra.verify.terraform_module import META_ARGUMENTS


def misnamed(kind: str, table: Translation, schema: Schema) -> Iterator[str]:
    """What the translation of the CloudFormation type `kind` calls otherwise than the provider does."""
    for resource, arguments in ((table.kind, table.arguments), *((each.kind, each.table) for each in table.companions)):
        if resource not in schema:
            yield f"{kind}: the provider has no {resource}"
        else:
            yield from _unknown(f"{kind}: {resource}", arguments, schema[resource]["arguments"])
    if table.kind in schema:
        readable = {*schema[table.kind]["attributes"], *map(in_camel_case, schema[table.kind]["arguments"])}
        for name in (table.ref, *table.attributes.values()):
            if name.isidentifier() and in_camel_case(name) not in readable:
                yield f"{kind}: {table.kind} has no attribute {name}"


def _unknown(place: str, table: Table, arguments: Schema) -> Iterator[str]:
    for name, entry in table.items():
        match entry:
            case str(argument) | Argument(argument) if argument not in arguments | dict.fromkeys(META_ARGUMENTS):
                yield f"{place}: {name} is called {argument}, which the provider does not know"
            case Inline(inner):
                yield from _unknown(place, inner, arguments)
            case Nested(block, inner) if block not in arguments:
                yield f"{place}: {name} is called {block}, which the provider does not know"
            case Nested(block, inner) if len(arguments[block]) > 2:
                yield from _unknown(f"{place}.{block}", inner, arguments[block][2])
