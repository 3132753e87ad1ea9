"""As much of Terraform's language as the stacks' root module is written in, for tests to read what it says.

References to resources stay what they are, as `Reference`; what only AWS or Terraform can compute is `COMPUTED`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_][\w-]*)|(==|!=|&&|\|\||>=|=>|[?:!()\[\]{},.=+\-]))")
_PSEUDO = {"region": "<region>", "account_id": "<account>", "partition": "<partition>", "url_suffix": "<suffix>"}
COMPUTED = "<computed>"


@dataclass(frozen=True)
class Reference:
    """An attribute of a resource, `kind` with `data.` or `ephemeral.` before it if it is not one that lasts."""

    kind: str
    name: str
    attribute: str
    is_indexed: bool


@dataclass(frozen=True)
class Document:
    """JSON in a string."""

    content: Any


class Reader:
    """Expressions under given values of variables; `seen` collects every reference."""

    def __init__(self, variables: Mapping[str, Any], conditions: Mapping[str, str]) -> None:
        self._variables = variables
        self._conditions = conditions
        self.seen: list[Reference] = []

    def value(self, argument: Any) -> Any:
        """What an argument is: templates are read, everything else is itself."""
        match argument:
            case str():
                return self.template(argument)
            case dict():
                return {name: self.value(each) for name, each in argument.items()}
            case list():
                return [self.value(each) for each in argument]
        return argument

    def template(self, text: str) -> Any:
        """A string with expressions in it; one expression alone has its own type."""
        if "{" not in text:
            return text
        parts: list[Any] = []
        at = 0
        while at < len(text):
            if text.startswith(("$${", "%%{"), at):
                parts, at = [*parts, text[at + 1 : at + 3]], at + 3
            elif text.startswith("${", at):
                end = _end_of_expression(text, at + 2)
                parts.append(self.expression(text[at + 2 : end]))
                at = end + 1
            else:
                parts, at = [*parts, text[at]], at + 1
        return parts[0] if len(parts) == 1 and not isinstance(parts[0], str) else "".join(map(shown, parts))

    def expression(self, text: str) -> Any:
        """What stands between `${` and `}`."""
        parser = _Parser(text, self)
        value = parser.choice()
        parser.expect_end()
        return value

    def variable(self, name: str) -> Any:
        """The value of a variable."""
        return self._variables[name]

    def condition(self, name: str) -> Any:
        """The value of a local."""
        return _PSEUDO[name] if name in _PSEUDO else self.template(self._conditions[name])


def shown(value: Any) -> str:
    """A value inside a string."""
    if isinstance(value, Reference):
        return f"<{value.kind}.{value.name}.{value.attribute}>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _end_of_expression(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        if text[at] == '"':
            at = _end_of_string(text, at + 1)
        elif text[at] in "{[(":
            depth += 1
        elif text[at] in "}])":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    raise ValueError(f"an expression that does not end: {text}")


def _end_of_string(text: str, at: int) -> int:
    while text[at] != '"':
        if text[at] == "\\":
            at += 2
        elif text.startswith("$${", at):
            at += 3
        elif text.startswith("${", at):
            at = _end_of_expression(text, at + 2) + 1
        else:
            at += 1
    return at


class _Parser:
    def __init__(self, text: str, reader: Reader) -> None:
        self._text, self._at, self._reader = text, 0, reader

    def choice(self) -> Any:
        condition = self._either()
        if not self._take("?"):
            return condition
        then = self.choice()
        self._expect(":")
        otherwise = self.choice()
        return then if condition is True else otherwise

    def expect_end(self) -> None:
        if self._text[self._at :].strip():
            raise ValueError(f"not understood: {self._text[self._at :]!r} in {self._text!r}")

    def _either(self) -> Any:
        value = self._both()
        while self._take("||"):
            value = self._both() or value
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._take("&&"):
            value = self._compared() and value
        return value

    def _compared(self) -> Any:
        value = self._summed()
        for operator, compare in _COMPARISONS.items():
            if self._take(operator):
                return compare(value, self._summed())
        return value

    def _summed(self) -> Any:
        value = self._unary()
        while self._take("-") or self._take("+"):
            self._unary()
            value = COMPUTED
        return value

    def _unary(self) -> Any:
        return not self._unary() if self._take("!") else self._postfix(self._primary())

    def _postfix(self, value: Any) -> Any:
        while True:
            if self._take("["):
                index = self.choice()
                self._expect("]")
                value = value[index] if isinstance(value, (list, dict)) else _part(value)
            elif self._take("."):
                value = _part(value, self._token())
            else:
                return value

    def _primary(self) -> Any:
        if self._take("("):
            value = self.choice()
            self._expect(")")
            return value
        if self._take("["):
            return self._list()
        if self._take("{"):
            return self._map()
        self._skip()
        if self._text.startswith('"', self._at):
            return self._string()
        token = self._token()
        if re.fullmatch(r"[\d.]+", token):
            return float(token) if "." in token else int(token)
        return self._named(token)

    def _named(self, name: str) -> Any:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if self._take("("):
            return self._called(name)
        if name in ("var", "local", "path", "each"):
            self._expect(".")
            key = self._token()
            return {"var": self._reader.variable, "local": self._reader.condition}.get(name, lambda _: COMPUTED)(key)
        if name == "each":
            return COMPUTED
        return self._reference(name)

    def _reference(self, kind: str) -> Any:
        if not self._take("."):
            return COMPUTED
        name = self._token()
        if kind in ("data", "ephemeral"):
            self._expect(".")
            kind, name = f"{kind}.{name}", self._token()
        indexed = False
        if self._take("["):
            self.choice()
            self._expect("]")
            indexed = True
        attribute = self._token() if self._take(".") else ""
        reference = Reference(kind, name, attribute, indexed)
        self._reader.seen.append(reference)
        return reference

    def _called(self, function: str) -> Any:
        given = self._until(")")
        match function, given:
            case "jsonencode", [content]:
                return Document(content)
            case "jsondecode", [Document(content)]:
                return content
        return COMPUTED

    def _list(self) -> Any:
        if self._is_loop():
            return self._loop("]")
        return self._until("]")

    def _map(self) -> Any:
        if self._is_loop():
            return self._loop("}")
        made: dict[str, Any] = {}
        while not self._take("}"):
            name = self._string() if self._next_is('"') else self._token()
            self._expect("=")
            made[str(name)] = self.choice()
            self._take(",")
        return made

    def _is_loop(self) -> bool:
        return re.match(r"\s*for\s", self._text[self._at :]) is not None

    def _loop(self, end: str) -> Any:
        """A loop that leaves out what is null; others are computed."""
        heading = re.compile(r"\s*for [\w, ]+ in ").match(self._text, self._at)
        if heading is None:
            raise ValueError(f"not understood: {self._text[self._at :]!r}")
        self._at = heading.end()
        values = self.choice()
        close = _end_of_expression(self._text, self._at)
        rest, self._at = self._text[self._at : close], close
        self._expect(end)
        if not rest.strip().endswith("each if each != null"):
            return COMPUTED
        if isinstance(values, dict):
            return {name: each for name, each in values.items() if each is not None}
        return [each for each in values if each is not None]

    def _until(self, end: str) -> list[Any]:
        values = []
        while not self._take(end):
            values.append(self.choice())
            self._take(",")
        return values

    def _string(self) -> Any:
        self._skip()
        end = _end_of_string(self._text, self._at + 1)
        raw, self._at = self._text[self._at + 1 : end], end + 1
        return self._reader.template(_unescaped(raw))

    def _token(self) -> str:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise ValueError(f"not understood: {self._text[self._at :]!r}")
        self._at = found.end()
        return found[1] or found[2] or found[3]

    def _take(self, token: str) -> bool:
        found = _TOKEN.match(self._text, self._at)
        if found is None or token not in (found[2], found[3]):
            return False
        self._at = found.end()
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise ValueError(f"{token} is wanted before {self._text[self._at :]!r}")

    def _next_is(self, character: str) -> bool:
        self._skip()
        return self._text.startswith(character, self._at)

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1


def _part(value: Any, name: str = "") -> Any:
    """What is inside of a resource's attribute is the resource's, too."""
    if not isinstance(value, Reference):
        return COMPUTED
    return replace(value, attribute=name) if name else value


def _unescaped(text: str) -> str:
    """The escapes of literal parts; those inside of an expression are the expression's own."""
    made, at = "", 0
    while at < len(text):
        if text.startswith("${", at) and not text.startswith("$${", at - 1):
            end = _end_of_expression(text, at + 2) + 1
            made, at = made + text[at:end], end
        elif text[at] == "\\":
            made, at = made + _ESCAPES.get(text[at + 1], text[at + 1]), at + 2
        else:
            made, at = made + text[at], at + 1
    return made


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_CONSTANTS = {"true": True, "false": False, "null": None}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: shown(left) == shown(right),
    "!=": lambda left, right: shown(left) != shown(right),
    ">=": lambda left, right: float(left) >= float(right),
}
