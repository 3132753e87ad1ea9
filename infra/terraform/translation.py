"""What a CloudFormation type is in Terraform, said in tables, and how a table is applied to a resource.

A table says for each property which argument it is. What it does not name is an error with the property's name in it:
nothing is lost in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.errors import BuildError
from infra.terraform.expressions import ABSENT, Choice, Document, Expression, Text, Value, mapped

Properties = Mapping[str, Value]
Arguments = dict[str, Value]


@dataclass(frozen=True)
class Argument:
    """What a property becomes: the argument called `name`, its value as it is or changed by `change`."""

    name: str
    change: Callable[[Value], Value] = lambda value: value


@dataclass(frozen=True)
class Nested:
    """A property that becomes a block, or a list of blocks, with a table of its own.

    One that is not `is_block` becomes an argument whose value is an object or a list of objects. `fixed` is what every
    one has beside. `prepare` sees the properties before the table does.
    """

    name: str
    table: Table
    fixed: Mapping[str, Value] = field(default_factory=dict)
    is_block: bool = True
    prepare: Callable[[Properties], Properties] = lambda properties: properties


@dataclass(frozen=True)
class Inline:
    """A property whose own properties are arguments of the block around it."""

    table: Table


@dataclass(frozen=True)
class Ignored:
    """A property that Terraform has no need of, for the `reason`. With `only`, of these values alone."""

    reason: str
    only: tuple[Value, ...] = ()


# `str` is short for `Argument` with the value as it is.
Table = Mapping[str, "str | Argument | Nested | Inline | Ignored"]


@dataclass(frozen=True)
class Blocks:
    """Nested blocks of one kind: some as they are, some that there are under a condition (`dynamic`)."""

    bodies: tuple[Arguments | Choice, ...]


@dataclass(frozen=True)
class Own:
    """An expression over the main resource's own attributes: `self.arn` in `text` is its `arn`."""

    text: str


@dataclass(frozen=True)
class Companion:
    """A further Terraform resource that holds a part of the properties; there is one if any of them is there.

    With `each`, one for every element of that list, told apart by what `suffix` makes of the element and its number.
    `link` is how it is told which resource it belongs to.
    """

    kind: str
    link: Mapping[str, Value]
    table: Table
    fixed: Mapping[str, Value] = field(default_factory=dict)
    each: str = ""
    suffix: Callable[[Value, int], str] = lambda _, number: str(number) if number else ""


@dataclass(frozen=True)
class Block:
    """One Terraform resource to be, its values not written yet. `suffix` tells several of a kind apart."""

    kind: str
    arguments: Arguments
    suffix: str = ""
    lifecycle: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """One of CloudFormation's, with its intrinsics evaluated. `place` names it for people.

    `title` is what CloudFormation calls the stack, and begins the names that it makes up.
    """

    stack: str
    logical_id: str
    type: str
    properties: Properties
    update_policy: Properties = field(default_factory=dict)
    title: str = ""

    @property
    def place(self) -> str:
        """Where somebody finds it."""
        return f"{self.stack}: {self.logical_id} ({self.type})"


@dataclass(frozen=True)
class Translation:
    """What one CloudFormation type is in Terraform.

    `ref` is the attribute that `Ref` gives, `attributes` those of `Fn::GetAtt`; each is an attribute's name or, with
    `self.` in it, an expression. `fixed` holds arguments that CloudFormation has no property for. `prepare` changes the
    properties before the table is applied; `rewrite` has the last word on what comes out, for what no table can say.

    What has no resource in Terraform `stands_for` the one that this property refers to, and gives it the arguments that
    it `marks`.
    """

    kind: str
    arguments: Table
    ref: str = "id"
    attributes: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Value] = field(default_factory=dict)
    companions: tuple[Companion, ...] = ()
    prepare: Callable[[Properties], Properties] = lambda properties: properties
    rewrite: Callable[[Resource, list[Block]], list[Block]] = lambda _, blocks: blocks
    lifecycle: Mapping[str, Value] = field(default_factory=dict)
    stands_for: str = ""
    marks: Mapping[str, Value] = field(default_factory=dict)

    def blocks(self, resource: Resource) -> list[Block]:
        """The Terraform resources that `resource` becomes, the main one first.

        Raises `BuildError` naming a property that no table knows.
        """
        properties = self.prepare(resource.properties)
        known = {*self.arguments, *(name for each in self.companions for name in _held(each))}
        for name in properties:
            if name not in known:
                raise BuildError(f"{resource.place}: no translation to Terraform for the property {name}")
        own = {name: value for name, value in properties.items() if name in self.arguments}
        main = Block(self.kind, {**self.fixed, **apply(self.arguments, own, resource.place)}, lifecycle=self.lifecycle)
        further = [block for each in self.companions for block in _companions(each, properties, resource.place)]
        return self.rewrite(resource, [main, *further])


def block(name: str, table: Table, **fixed: Value) -> Nested:
    """A block, or as many as the property has elements."""
    return Nested(name, table, fixed)


def objects(name: str, table: Table, **fixed: Value) -> Nested:
    """An argument whose value is an object, or a list of objects."""
    return Nested(name, table, fixed, is_block=False)


def inline(table: Table) -> Inline:
    """Properties one level down that Terraform has one level up."""
    return Inline(table)


def document(name: str) -> Argument:
    """An argument that takes JSON in a string."""
    return Argument(name, lambda value: value if isinstance(value, (str, Expression, Text)) else Document(value))


def tags(name: str = "tags") -> Argument:
    """A list of `{Key, Value}` as a map; a map as it is."""
    return Argument(name, _as_map)


def pairs(name: str, key: str, value: str) -> Argument:
    """A list of objects with two properties, such as dimensions, as a map of the one to the other."""
    return Argument(name, lambda entries: {entry[key]: entry[value] for entry in entries})


def choice(name: str, **values: Value) -> Argument:
    """An argument whose values have other names in Terraform. Others are an error."""

    def translated(value: Value) -> Value:
        if value not in values:
            raise BuildError(f"no translation to Terraform for the value {value!r} of {name}")
        return values[value]

    return Argument(name, translated)


def listed(name: str) -> Argument:
    """A single value where Terraform wants a list."""
    return Argument(name, lambda value: [value])


def ignored(reason: str, *only: Value) -> Ignored:
    """A property that Terraform has no need of, and why; with `only`, as long as it has one of these values."""
    return Ignored(reason, only)


def apply(table: Table, properties: Properties, place: str) -> Arguments:
    """The arguments that `table` makes of `properties`. Raises `BuildError` naming a property that it does not know."""
    made: Arguments = {}
    for name, value in properties.items():
        if name not in table:
            raise BuildError(f"{place}: no translation to Terraform for the property {name}")
        for argument, inner in _applied(table[name], value, f"{place}: {name}"):
            made[argument] = _merged(made[argument], inner) if argument in made else inner
    return made


def _merged(earlier: Value, later: Value) -> Value:
    """Two properties that go into the same block are one block."""
    match earlier, later:
        case Blocks((dict() as first,)), Blocks((dict() as second,)):
            return Blocks(({**first, **second},))
        case Blocks(first), Blocks(second):
            return Blocks((*first, *second))
        case dict(), dict():
            return {**earlier, **later}
    return later


def _applied(
    entry: str | Argument | Nested | Inline | Ignored, value: Value, place: str
) -> Iterable[tuple[str, Value]]:
    match entry:
        case str():
            yield entry, value
        case Argument(name, change):
            yield name, mapped(value, change)
        case Ignored(_, only):
            if only and value not in only:
                raise BuildError(f"{place}: no translation to Terraform for the value {value!r}")
        case Inline(table):
            yield from _inlined(table, value, place)
        case Nested(name):
            yield name, _blocks(entry, value, place) if entry.is_block else _objects(entry, value, place)


def _inlined(table: Table, value: Value, place: str) -> Iterable[tuple[str, Value]]:
    if not isinstance(value, Choice):
        yield from ({} if value is ABSENT else apply(table, value, place)).items()
        return
    then, otherwise = dict(_inlined(table, value.then, place)), dict(_inlined(table, value.otherwise, place))
    for name in {**then, **otherwise}:
        first, second = then.get(name, ABSENT), otherwise.get(name, ABSENT)
        if isinstance(first, Blocks) or isinstance(second, Blocks):
            yield name, Blocks((Choice(value.condition, _single(first), _single(second)),))
        else:
            yield name, Choice(value.condition, first, second)


def _single(value: Value) -> Value:
    if isinstance(value, Blocks):
        if len(value.bodies) != 1:
            raise BuildError("a choice between several blocks has no translation to Terraform")
        return value.bodies[0]
    return value


def _blocks(nested: Nested, value: Value, place: str) -> Blocks:
    if isinstance(value, Choice) and (isinstance(value.then, list) or isinstance(value.otherwise, list)):
        # Either list, each of its blocks under the condition.
        then = [Choice(value.condition, each, ABSENT) for each in _elements(value.then)]
        otherwise = [Choice(value.condition, ABSENT, each) for each in _elements(value.otherwise)]
        value = [*then, *otherwise]
    return Blocks(tuple(mapped(each, lambda one: _body(nested, one, place)) for each in _elements(value)))


def _objects(nested: Nested, value: Value, place: str) -> Value:
    if isinstance(value, list):
        return [mapped(each, lambda one: _body(nested, one, place)) for each in value]
    return mapped(
        value, lambda one: _objects(nested, one, place) if isinstance(one, list) else _body(nested, one, place)
    )


def _body(nested: Nested, value: Value, place: str) -> Arguments:
    if not isinstance(value, Mapping):
        raise BuildError(f"{place}: an object is wanted for {nested.name}, and this is {value!r}")
    return {**nested.fixed, **apply(nested.table, nested.prepare(value), place)}


def _elements(value: Value) -> list[Value]:
    if value is ABSENT:
        return []
    return value if isinstance(value, list) else [value]


def _held(companion: Companion) -> Iterable[str]:
    return (companion.each,) if companion.each else companion.table


def _companions(companion: Companion, properties: Properties, place: str) -> Iterable[Block]:
    if companion.each:
        for number, element in enumerate(_elements(properties.get(companion.each, []))):
            body = apply(companion.table, _as_properties(element), f"{place}: {companion.each}")
            yield Block(
                companion.kind, {**companion.link, **companion.fixed, **body}, companion.suffix(element, number)
            )
        return
    held = {name: value for name, value in properties.items() if name in companion.table}
    if held:
        yield Block(companion.kind, {**companion.link, **companion.fixed, **apply(companion.table, held, place)})


def _as_properties(element: Value) -> Properties:
    """An element of a list of plain values is the property `Value`."""
    return element if isinstance(element, Mapping) else {"Value": element}


def _as_map(entries: Any) -> Value:
    return {entry["Key"]: entry["Value"] for entry in entries} if isinstance(entries, list) else entries
