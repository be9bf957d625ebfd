"""Requests and answers checked against an OpenAPI document that is kept outside the project.

It reads the YAML that machines write: block mappings and sequences, scalars that may run over several lines. Anything
else is an error. Of JSON schema it knows what such documents use, and likewise fails on a keyword it does not know.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

NAME = "poweroffice-v2-vouchers.openapi.yaml"
_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "reference" / NAME
_KEY = re.compile(r"""(?P<key>'[^']*'|"[^"]*"|[^\s'"#-][^:]*|-[^\s:][^:]*):(?:\s+(?P<value>.*))?$""")
_SILENT = frozenset({"description", "readOnly", "title", "example", "default"})
_KNOWN = _SILENT | {
    "type",
    "format",
    "nullable",
    "maxLength",
    "enum",
    "items",
    "properties",
    "required",
    "additionalProperties",
    "$ref",
}


def document() -> Path | None:
    """POWEROFFICE_V2_OPENAPI, or the reference beside the checkout; None when there is none."""
    named = os.environ.get("POWEROFFICE_V2_OPENAPI", "")
    path = Path(named) if named else _BESIDE
    return path if path.is_file() else None


@dataclass(frozen=True)
class Exchange:
    """A request as it left, and its answer. `url` is whole."""

    method: str
    url: str
    body: Any
    status: int
    answer: Any


@lru_cache(maxsize=1)
def read(path: Path) -> Spec:
    return Spec(_Yaml(path.read_text(encoding="utf-8")).read())


class Spec:
    """`faults` lists what is wrong; an empty list is a pass."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._paths: dict[str, Any] = root["paths"]
        self._schemas: dict[str, Any] = root["components"]["schemas"]

    def borrow(self, path: str, *, like: str, words: dict[str, str]) -> Spec:
        """A specification with one path more, shaped like another with words replaced in every name."""

        def renamed(value: Any) -> Any:
            if isinstance(value, dict):
                return {renamed(key): renamed(inner) for key, inner in cast("dict[str, Any]", value).items()}
            if isinstance(value, list):
                return [renamed(inner) for inner in cast("list[Any]", value)]
            if isinstance(value, str):
                for old, new in words.items():
                    value = value.replace(old, new)
            return value

        schemas = {**renamed(self._schemas), **self._schemas}
        return Spec({"paths": {**self._paths, path: renamed(self._paths[like])}, "components": {"schemas": schemas}})

    def faults(self, exchange: Exchange, *, base: str) -> list[str]:
        """Of path, query, body, status and answer."""
        parts = urlsplit(exchange.url)
        path = f"{parts.scheme}://{parts.netloc}{parts.path}".removeprefix(base)
        template = next((t for t in self._paths if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(t)), path)), "")
        operation = self._paths.get(template, {}).get(exchange.method.lower())
        if operation is None:
            return [f"{exchange.method} {path} is not in the specification"]
        found = self._query_faults(operation, parts.query)
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            found += self.check(exchange.body, schema, at="body")
        elif exchange.body is not None:
            found.append("a body where none is specified")
        answer = operation["responses"].get(str(exchange.status), operation["responses"]["default"])
        if "content" in answer and exchange.answer is not None:  # a body that got lost is the sandbox's trouble
            found += self.check(exchange.answer, answer["content"]["application/json"]["schema"], at="answer")
        elif exchange.answer is not None and exchange.status < 400:
            found.append(f"an answer where HTTP {exchange.status} has none")
        return [f"{exchange.method} {path}: {fault}" for fault in found]

    def _query_faults(self, operation: dict[str, Any], query: str) -> list[str]:
        known: dict[str, Any] = {}
        required: set[str] = set()
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query":
                continue
            if parameter["name"] == "resourceParameter":
                known |= self._schemas["ResourceParameters"]["properties"]
                continue
            known[parameter["name"]] = parameter["schema"]
            if parameter.get("required"):
                required.add(parameter["name"])
        given = dict(parse_qsl(query, keep_blank_values=True))
        found = [f"query {name} is missing" for name in required - set(given)]
        for name, text in given.items():
            if name not in known:
                found.append(f"query {name} is not in the specification")
                continue
            kind = known[name].get("type")
            value: Any = text
            if kind == "integer" and re.fullmatch(r"-?\d+", text):
                value = int(text)
            elif kind == "boolean" and text in ("true", "false"):
                value = text == "true"
            found += self.check(value, known[name], at=f"query {name}")
        return found

    def check(self, value: Any, schema: dict[str, Any], *, at: str) -> list[str]:
        """What of the value does not follow the schema."""
        unknown = set(schema) - _KNOWN
        if unknown:
            raise ValueError(f"schema keywords that are not understood: {sorted(unknown)}")
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            # A reference to a nullable enumeration carries its own `nullable`.
            return self.check(value, self._schemas[name], at=at)
        if value is None:
            return [] if schema.get("nullable") else [f"{at} is null"]
        found = [f"{at} is not one of the words"] if "enum" in schema and value not in schema["enum"] else []
        match schema.get("type"):
            case "object":
                return found + self._object_faults(value, schema, at)
            case "array":
                if not isinstance(value, list):
                    return [*found, f"{at} is not a list"]
                for position, item in enumerate(cast("list[Any]", value)):
                    found += self.check(item, schema["items"], at=f"{at}[{position}]")
                return found
            case kind:
                return found + _scalar_faults(value, kind, schema, at)

    def _object_faults(self, value: Any, schema: dict[str, Any], at: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{at} is not an object"]
        row, properties = cast("dict[str, Any]", value), schema.get("properties", {})
        found = [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in row]
        for name, inner in row.items():
            if name in properties:
                found += self.check(inner, properties[name], at=f"{at}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{at}.{name} is not in the schema")
        return found


def _scalar_faults(value: Any, kind: str | None, schema: dict[str, Any], at: str) -> list[str]:
    fits = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        None: True,
    }
    if not fits[kind]:
        return [f"{at} is not a {kind}"]
    found: list[str] = []
    if isinstance(value, str) and len(value) > schema.get("maxLength", 10**9):
        found.append(f"{at} is longer than {schema['maxLength']}")
    reader: Any = {"date": date.fromisoformat, "date-time": datetime.fromisoformat, "uuid": uuid.UUID}.get(
        schema.get("format", "")
    )
    if reader is not None:
        try:
            reader(value)
        except ValueError:
            found.append(f"{at} is not a {schema['format']}")
    return found


class _Yaml:
    def __init__(self, text: str) -> None:
        stripped = [line.rstrip() for line in text.splitlines()]
        self._lines = [(len(line) - len(line.lstrip()), line.lstrip()) for line in stripped if line]
        self._at = 0

    def read(self) -> Any:
        root = self._block(0)
        if self._at != len(self._lines):
            raise ValueError(f"not understood: {self._lines[self._at][1]!r}")
        return root

    def _block(self, indent: int) -> Any:
        return self._sequence(indent) if self._is_item(indent) else self._mapping(indent)

    def _is_item(self, indent: int) -> bool:
        here, words = self._peek()
        return here == indent and (words == "-" or words.startswith("- "))

    def _peek(self) -> tuple[int, str]:
        return self._lines[self._at] if self._at < len(self._lines) else (-1, "")

    def _sequence(self, indent: int) -> list[Any]:
        items: list[Any] = []
        while self._is_item(indent):
            inner = self._lines[self._at][1][2:]
            if _KEY.fullmatch(inner) and not inner.startswith(("'", '"')):
                self._lines[self._at] = (indent + 2, inner)
                items.append(self._mapping(indent + 2))
            else:
                self._at += 1
                items.append(_scalar(self._continued(inner, indent)))
        return items

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek()[0] == indent and not self._is_item(indent):
            match = _KEY.fullmatch(self._peek()[1])
            if match is None:
                raise ValueError(f"not understood: {self._peek()[1]!r}")
            self._at += 1
            key, value = match["key"].strip("'\""), match["value"]
            if value:
                found[key] = _scalar(self._continued(value, indent))
            elif self._peek()[0] > indent or self._is_item(indent):
                found[key] = self._block(self._peek()[0])
            else:
                found[key] = None
        return found

    def _continued(self, words: str, indent: int) -> str:
        while self._peek()[0] > indent:
            words += " " + self._peek()[1]
            self._at += 1
        return words


def _scalar(words: str) -> Any:
    plain = {"true": True, "false": False, "null": None, "~": None, "{}": {}, "[]": []}
    if words in plain:
        return plain[words]
    if words[0] in "'\"":
        if len(words) < 2 or words[-1] != words[0]:
            raise ValueError(f"not understood: {words!r}")
        return words[1:-1].replace("''", "'")
    if words[0] in "|>&*!%@`[{":
        raise ValueError(f"not understood: {words!r}")
    return int(words) if re.fullmatch(r"-?\d+", words) else words
