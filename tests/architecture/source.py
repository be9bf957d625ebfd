"""Reading our own source and documents: what the code says, what the tables in `docs/` say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "worker"
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
_LOGGERS = ("log", "logger", "_log")


def modules(under: Path = WORKER) -> Iterator[tuple[str, ast.Module]]:
    """Every module of ours, as (path relative to the root, tree)."""
    for path in sorted(under.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path))


# --- the documents --------------------------------------------------------------------------------


def section(document: str, heading: str) -> str:
    """The text under a heading of `docs/<document>`, down to the next heading of its level or above."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.lstrip("#").strip() == heading and line[:1] == "#"]
    assert len(starts) == 1, f"{document} has {len(starts)} headings {heading!r}"
    level = len(lines[starts[0]]) - len(lines[starts[0]].lstrip("#"))
    text: list[str] = []
    for line in lines[starts[0] + 1 :]:
        found = re.match(r"#+ ", line)
        if found and len(found.group()) - 1 <= level:
            break
        text.append(line)
    return "\n".join(text)


def table(document: str, heading: str) -> dict[str, list[str]]:
    """The tables of a section: the word in backticks that begins a row → the row's other cells.

    Fails when a word stands twice or a cell is empty: a row says all it has to say, once.
    """
    rows: dict[str, list[str]] = {}
    for line in section(document, heading).splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        found = re.match(r"`([^`]+)`", cells[0])
        assert found, line
        assert found.group(1) not in rows, f"{document}: {found.group(1)} stands twice under {heading!r}"
        assert all(cells), f"{document}: an empty cell for {found.group(1)}"
        rows[found.group(1)] = cells[1:]
    return rows


# --- the log --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogCall:
    """One place that writes a log line. A level or name chosen on the spot gives several of either."""

    place: str
    levels: frozenset[str]
    events: frozenset[str]
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class LogUse:
    """Everything the code logs. `faults`: places that cannot be read without running them."""

    calls: list[LogCall]
    bound: frozenset[str]
    faults: list[str]


def log_use(trees: Iterator[tuple[str, ast.Module]]) -> LogUse:
    """Reads every log call of the modules given."""
    calls: list[LogCall] = []
    bound: set[str] = set()
    faults: list[str] = []
    for path, tree in trees:
        for scope in _scopes(tree):
            names = _assigned(scope)
            accounted: set[int] = set()
            for node in _own(scope):
                if not isinstance(node, ast.Call):
                    continue
                place = f"{path}:{node.lineno}"
                if isinstance(node.func, ast.Name) and node.func.id == "bound":
                    faults += [f"{place}: bound() with **" for keyword in node.keywords if keyword.arg is None]
                    bound |= {keyword.arg for keyword in node.keywords if keyword.arg}
                levels = _levels(node.func, names, accounted)
                if not levels:
                    continue
                events = _constants(node.args[0], names) if node.args else frozenset[str]()
                if not events or len(node.args) != 1:
                    faults.append(f"{place}: the event is no constant name")
                    continue
                if any(keyword.arg is None for keyword in node.keywords):
                    faults.append(f"{place}: fields given with **")
                fields = {keyword.arg for keyword in node.keywords if keyword.arg}
                if "exc_info" in fields:  # turned into these two by support.log
                    fields = fields - {"exc_info"} | {"error_type", "error_place"}
                calls.append(LogCall(place, levels, events, frozenset(fields)))
            faults += [
                f"{path}:{node.lineno}: a logger's method is handed on"
                for node in _own(scope)
                if isinstance(node, ast.expr) and _level_of(node) and id(node) not in accounted
            ]
    return LogUse(calls, frozenset(bound), faults)


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    yield tree
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions in it (lambdas belong to it)."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield child
        yield from _own(child)


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in _own(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _level_of(node: ast.AST) -> str | None:
    """`log.info`, `get_logger().info`: the level's name."""
    if not (isinstance(node, ast.Attribute) and node.attr in LEVELS):
        return None
    value = node.value
    if isinstance(value, ast.Call):
        return node.attr if ast.unparse(value.func).endswith("get_logger") else None
    return node.attr if isinstance(value, ast.Name) and value.id in _LOGGERS else None


def _levels(function: ast.expr, names: dict[str, list[ast.expr]], accounted: set[int]) -> frozenset[str]:
    """The levels a called expression may write at; empty when it is no logger."""
    if isinstance(function, ast.IfExp):
        return _levels(function.body, names, accounted) | _levels(function.orelse, names, accounted)
    if isinstance(function, ast.Name):
        known = [value for value in names.get(function.id, []) if not isinstance(value, ast.Name)]
        return frozenset[str]().union(*(_levels(value, names, accounted) for value in known))
    if isinstance(function, ast.Call) and ast.unparse(function.func) == "getattr" and len(function.args) > 1:
        if ast.unparse(function.args[0]) in _LOGGERS:
            return _constants(function.args[1], names) or frozenset({"?"})
        return frozenset()
    level = _level_of(function)
    if level is None:
        return frozenset()
    accounted.add(id(function))
    return frozenset({level})


def _constants(node: ast.expr, names: dict[str, list[ast.expr]]) -> frozenset[str]:
    """The string or strings an expression can be; empty when that cannot be read from the text."""
    if isinstance(node, ast.Constant):
        return frozenset({node.value}) if isinstance(node.value, str) else frozenset()
    if isinstance(node, ast.IfExp):
        parts = [_constants(node.body, names), _constants(node.orelse, names)]
        return parts[0] | parts[1] if all(parts) else frozenset()
    if isinstance(node, ast.Name) and len(names.get(node.id, [])) == 1:
        value = names[node.id][0]
        return frozenset() if isinstance(value, ast.Name) else _constants(value, names)
    return frozenset()


# --- words that are states without an enum --------------------------------------------------------


def state_words(path: str) -> frozenset[str]:
    """Every constant a module gives to, or compares with, something called `state`."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            found |= _strings(node.value) if node.arg == "state" else set()
        elif isinstance(node, ast.Assign):
            found |= _strings(node.value) if any(map(_is_state, node.targets)) else set()
        elif isinstance(node, ast.Compare) and any(_is_state(side) for side in (node.left, *node.comparators)):
            found |= {word for side in (node.left, *node.comparators) for word in _strings(side)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("in_", "not_in") and _is_state(node.func.value):
                found |= {word for argument in node.args for word in _strings(argument)}
            elif node.func.attr == "_write" and node.args:
                found |= _strings(node.args[0])
    return frozenset(found)


def _is_state(node: ast.expr) -> bool:
    """`state`, `row.state`, `table.c.state`, `row["state"]`; several at once in an unpacking."""
    if isinstance(node, ast.Tuple):
        return any(_is_state(part) for part in node.elts)
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "state"
    return (isinstance(node, ast.Name) and node.id == "state") or (
        isinstance(node, ast.Attribute) and node.attr == "state"
    )


def _strings(node: ast.expr) -> set[str]:
    """Constants of an expression, leaving out keys of look-ups and what a condition compares with."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.IfExp):
        return _strings(node.body) | _strings(node.orelse)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return {word for part in node.elts for word in _strings(part)}
    return set()
