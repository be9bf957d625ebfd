"""The documented part of v1's OData: $filter, $orderby, $top, $skip over typed rows.

Grammar: eq ne gt ge lt le, and or not, parentheses, 'text', numbers, true false null, DateTime'...',
DateTimeOffset'...', tolower(x), startswith(x,'a'). Property names are PascalCase. What is outside it is refused, as is
a comparison of unlike types: a date-only property wants DateTime, a created or changed one DateTimeOffset.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

Row = Mapping[str, Any]


class Type(Enum):
    """What kind of value a property holds."""

    NUMBER = "number"
    TEXT = "text"
    BOOL = "bool"
    DATE = "date"
    OFFSET = "offset"
    NULL = "null"
    OPAQUE = "opaque"  # guids and nested objects: cannot be compared in the documented grammar


Fields = Mapping[str, Type]


class ODataError(Exception):
    """The query is not in the grammar. The wire says exception "OData"."""


@dataclass(frozen=True, slots=True)
class _Value:
    """An operand: its type, and how to get it from a row."""

    type: Type
    get: Callable[[Row], Any]


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<offset>DateTimeOffset'[^']*') | (?P<datetime>DateTime'[^']*') |
      (?P<text>'(?:[^']|'')*') | (?P<number>-?\d+(?:\.\d+)?)(?![\w.]) |
      (?P<word>[A-Za-z_]\w*) | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_MAX_DEPTH = 40
_MAX_LENGTH = 32_000


def compile_filter(text: str, fields: Fields) -> Callable[[Row], bool]:
    """The $filter as a function of a row. Raises ODataError."""
    if len(text) > _MAX_LENGTH:
        raise ODataError("The $filter is too long.")
    parser = _Parser(_tokens(text), fields)
    predicate = parser.disjunction(0)
    parser.expect_end()
    return predicate


def compile_order(text: str, fields: Fields) -> Callable[[Sequence[Row]], list[Row]]:
    """The $orderby as a sorting function. Nulls come first; a text where numbers are meant comes last."""
    keys: list[tuple[str, bool]] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\w+)(?:\s+(asc|desc))?\s*", part)
        if not match or fields.get(match[1], Type.OPAQUE) is Type.OPAQUE:
            raise ODataError(f"Could not order by '{part.strip()[:60]}'.")
        keys.append((match[1], match[2] == "desc"))

    def order(rows: Sequence[Row]) -> list[Row]:
        result = list(rows)
        for name, descending in reversed(keys):
            result.sort(key=lambda row, name=name: _sort_key(row[name]), reverse=descending)
        return result

    return order


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    return (2, value) if isinstance(value, str) else (1, value)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if not match or not match.lastgroup:
            raise ODataError(f"Syntax error at position {position} in '{stripped[:200]}'.")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent; `depth` bounds nesting."""

    def __init__(self, tokens: list[tuple[str, str]], fields: Fields) -> None:
        self._tokens = tokens
        self._at = 0
        self._fields = fields

    def disjunction(self, depth: int) -> Callable[[Row], bool]:
        parts = [self._conjunction(depth)]
        while self._take_word("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def expect_end(self) -> None:
        if self._at != len(self._tokens):
            raise ODataError(f"Unexpected '{self._tokens[self._at][1][:60]}'.")

    def _conjunction(self, depth: int) -> Callable[[Row], bool]:
        parts = [self._negation(depth)]
        while self._take_word("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _negation(self, depth: int) -> Callable[[Row], bool]:
        if depth > _MAX_DEPTH:
            raise ODataError("The $filter is nested too deep.")
        if self._take_word("not"):
            inner = self._negation(depth + 1)
            return lambda row: not inner(row)
        if self._take_mark("("):
            inner = self.disjunction(depth + 1)
            self._need_mark(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Callable[[Row], bool]:
        left = self._operand()
        kind, word = self._peek()
        if kind == "word" and word in _OPERATORS:
            self._at += 1
            return _compare(word, left, self._operand())
        if left.type is Type.BOOL:
            return lambda row: left.get(row) is True
        raise ODataError("A comparison operator (eq, ne, gt, ge, lt, le) was expected.")

    def _operand(self) -> _Value:
        kind, word = self._peek()
        self._at += 1
        if kind in ("text", "number", "datetime", "offset"):
            value_type, value = _literal(kind, word)
            return _Value(value_type, lambda row: value)
        if kind == "word":
            if word in ("true", "false"):
                return _Value(Type.BOOL, lambda row: word == "true")
            if word == "null":
                return _Value(Type.NULL, lambda row: None)
            if self._take_mark("("):
                return self._function(word)
            if word in self._fields:
                return _Value(self._fields[word], lambda row: row[word])
            raise ODataError(f"No property or field '{word[:60]}' exists.")
        raise ODataError("A property, a value or a function was expected.")

    def _function(self, name: str) -> _Value:
        if name == "tolower":
            argument = self._text_operand()
            self._need_mark(")")
            return _Value(Type.TEXT, lambda row: _lower(argument.get(row)))
        if name == "startswith":
            argument = self._text_operand()
            self._need_mark(",")
            start = self._text_operand()
            self._need_mark(")")
            return _Value(Type.BOOL, lambda row: _starts(argument.get(row), start.get(row)))
        raise ODataError(f"The function '{name[:60]}' is not supported.")

    def _text_operand(self) -> _Value:
        operand = self._operand()
        if operand.type is not Type.TEXT:
            raise ODataError("A text was expected.")
        return operand

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take_word(self, word: str) -> bool:
        if self._peek() == ("word", word):
            self._at += 1
            return True
        return False

    def _take_mark(self, mark: str) -> bool:
        if self._peek() == ("mark", mark):
            self._at += 1
            return True
        return False

    def _need_mark(self, mark: str) -> None:
        if not self._take_mark(mark):
            raise ODataError(f"'{mark}' was expected.")


def _literal(kind: str, token: str) -> tuple[Type, Any]:
    if kind == "number":
        return Type.NUMBER, Decimal(token)
    quoted = token[token.index("'") + 1 : -1]
    if kind == "text":
        return Type.TEXT, quoted.replace("''", "'")
    try:
        moment = datetime.fromisoformat(quoted)
    except ValueError:
        raise ODataError(f"'{quoted[:60]}' is not a date.") from None
    if kind == "offset":
        return Type.OFFSET, moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Type.DATE, moment.replace(tzinfo=None)


def _compare(word: str, left: _Value, right: _Value) -> Callable[[Row], bool]:
    if Type.OPAQUE in (left.type, right.type) or (Type.NULL not in (left.type, right.type) and left.type != right.type):
        raise ODataError(f"Operator '{word}' is incompatible with types {left.type.value} and {right.type.value}.")
    apply = _OPERATORS[word]

    def evaluate(row: Row) -> bool:
        a, b = _comparable(left.get(row)), _comparable(right.get(row))
        if word in ("eq", "ne"):
            return apply(a, b)
        if a is None or b is None or isinstance(a, str) != isinstance(b, str):
            return False
        return apply(a, b)

    return evaluate


def _comparable(value: Any) -> Any:
    """Dates compare as midnights, like the vendor's DateTime."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def _lower(value: str | None) -> str | None:
    return value.lower() if isinstance(value, str) else value


def _starts(value: str | None, start: str | None) -> bool:
    return isinstance(value, str) and isinstance(start, str) and value.startswith(start)
