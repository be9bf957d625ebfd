"""A new client's file: the example's text with the answers in it, so keys are explained in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from worker.settings.client import ClientSettings
from worker.settings.files import ClientFile
from worker.support.env_file import SettingsError, build, is_key_of, read
from worker.support.files import create, make_folder

_EXAMPLE = "client.env.example"
_KEY_LINE = re.compile(r"#?([A-Z][A-Z0-9_]*)=(.*)")
_PLAIN = re.compile(r"[A-Za-z0-9._:@/+-]*")
_HEADER = """\
# Settings of one client, written by `factoring-worker client new`. The file's name is the client's name in logs,
# folders and commands: never rename it. A line that begins with #KEY= shows the default. More: docs/settings.md.
"""


def example() -> str:
    """The text of config/clients/client.env.example; an installed package carries it along."""
    packed = files("worker.settings") / _EXAMPLE
    lying = Path(__file__).parents[2] / "config" / "clients" / _EXAMPLE
    return packed.read_text(encoding="utf-8") if packed.is_file() else lying.read_text(encoding="utf-8")


def explained() -> dict[str, tuple[str, str]]:
    """Key to (what the example says of it, what stands there as default or suggestion)."""
    found: dict[str, tuple[str, str]] = {}
    words: list[str] = []
    for line in example().splitlines():
        key = _KEY_LINE.match(line)
        if key:
            found[key[1]] = (" ".join(words), key[2].strip("'"))
            words = []
        elif line.startswith("# ") and not line.startswith("# ---"):
            words.append(line[2:])
        else:
            words = []
    return found


def faults(answers: Mapping[str, str], *, of: str = "") -> list[str]:
    """What is wrong with the answers given so far; with `of`, with that key's alone. A key that is still to come is no
    fault then. Values are never shown."""
    told = [f"{key} must be one line of text" for key, value in answers.items() if not value.isprintable()]
    told += [f"{key} is not a key of this file: misspelt?" for key in answers if not is_key_of(ClientSettings, key)]
    if not told:
        try:
            build(ClientSettings, "", answers)
        except SettingsError as error:
            told = error.faults
    if of:
        own = re.compile(rf"{of}(_FILE)?[ :]")
        told = [fault for fault in told if own.match(fault) and not fault.endswith(" is missing")]
    return told


def rendered(answers: Mapping[str, str]) -> str:
    """The file's text. A key without an answer stays as the example has it, commented out."""
    lines = example().split("\n")
    body = lines[lines.index("") :]
    for place, line in enumerate(body):
        key = _KEY_LINE.match(line)
        if key is None:
            continue
        name = key[1]
        if answers.get(f"{name}_FILE"):
            body[place] = f"{name}_FILE={_quoted(answers[f'{name}_FILE'])}"
        elif answers.get(name):
            body[place] = f"{name}={_quoted(answers[name])}"
    return _HEADER + "\n".join(body)


def made(name: str, answers: Mapping[str, str]) -> ClientFile:
    """The client these answers make. Raises SettingsError."""
    return ClientFile(name, build(ClientSettings, f"{name}.env", answers))


def write(path: Path, answers: Mapping[str, str]) -> None:
    """Writes the file, readable by its owner alone, and reads it back. Raises SettingsError (nothing is left then),
    FileExistsError (a file is never overwritten) and OSError."""
    make_folder(path.parent)
    create(path, rendered(answers).encode(), mode=0o600)
    there = {key: value for key, value in read(path).items() if value}
    if there != {key: value for key, value in answers.items() if value}:
        path.unlink()  # a value that the format cannot hold
        raise SettingsError(path.name, ["a value cannot be written: leave out quotes and backslashes"])


def is_secret(key: str) -> bool:
    """Whether the key's value may lie in a file of its own."""
    return is_key_of(ClientSettings, f"{key}_FILE")


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
