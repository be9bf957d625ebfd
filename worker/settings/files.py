"""Reading the files: the worker's, a client's, and all clients' together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from worker.settings.client import ClientSettings
from worker.settings.worker import WorkerSettings
from worker.support.env_file import SettingsError, build, is_key_of, read


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A client and its settings; the name is the file's (`nordlys.env` → `nordlys`)."""

    name: str
    settings: ClientSettings


_UNIQUE: Final[tuple[tuple[str, Callable[[ClientSettings], str]], ...]] = (
    ("POWEROFFICE_CLIENT_KEY", lambda own: own.poweroffice_client_key.get_secret_value()),
    ("ORGANISATION_NUMBER", lambda own: own.organisation_number),
    ("ACCESS_POINT_TENANT", lambda own: own.access_point_tenant),
)


def load_worker(path: Path, environ: Mapping[str, str] | None = None) -> WorkerSettings:
    """Reads `worker.env`; variables of the process environment with the same keys win. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    values = read(path)
    values |= {key: value for key, value in environ.items() if is_key_of(WorkerSettings, key)}
    settings = build(WorkerSettings, path.name, values)
    clients = settings.clients_folder or path.parent / "clients"
    return settings.model_copy(update={"clients_folder": clients})


def is_client_name(name: str) -> bool:
    """Whether a client's file may be called so: the name stands in logs, folders and commands."""
    return re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name) is not None


def load_client(path: Path) -> ClientFile:
    """Reads one client's file. Raises SettingsError."""
    if not is_client_name(path.stem):
        raise SettingsError(path.name, ["a client's file is named with small letters, digits, - and _ only"])
    return ClientFile(path.stem, build(ClientSettings, path.name, read(path)))


def client_files(folder: Path | None) -> list[str]:
    """The names of the clients that have a file, whether or not it can be used."""
    return sorted(path.stem for path in folder.glob("*.env")) if folder is not None else []


def load_clients(folder: Path) -> tuple[list[ClientFile], list[SettingsError]]:
    """Every `*.env` of the folder, by name. A broken file is told with all its faults and the others are used.

    Two files with the same client key, organisation number or tenant are both refused: one would bill for the other.
    """
    good: list[ClientFile] = []
    bad: list[SettingsError] = []
    if not folder.is_dir():
        return [], [
            SettingsError(
                folder.name, ["the clients folder does not exist: `factoring-worker client new NAME` makes it"]
            )
        ]
    for path in sorted(folder.glob("*.env")):
        try:
            good.append(load_client(path))
        except SettingsError as error:
            bad.append(error)
    for what, twins in shared_values(good):
        names = ", ".join(t.name for t in twins)
        bad += [SettingsError(f"{t.name}.env", [f"{what} is the same in {names}"]) for t in twins]
        good = [client for client in good if client not in twins]
    return good, bad


def shared_values(clients: Sequence[ClientFile]) -> list[tuple[str, list[ClientFile]]]:
    """(key, those that have the same value) of what each client must have for itself."""
    found: list[tuple[str, list[ClientFile]]] = []
    for what, value in _UNIQUE:
        groups: dict[str, list[ClientFile]] = {}
        for client in clients:
            groups.setdefault(value(client.settings), []).append(client)
        found += [(what, twins) for shared, twins in groups.items() if shared and len(twins) > 1]
    return found
