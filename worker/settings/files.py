"""Reading the files: the worker's, a client's, and all clients' together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.settings.client import ClientSettings
from worker.settings.worker import WorkerSettings
from worker.support.env_file import SettingsError, build, is_key_of, read


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A client and its settings; the name is the file's (`nordlys.env` → `nordlys`)."""

    name: str
    settings: ClientSettings


def load_worker(path: Path, environ: Mapping[str, str] | None = None) -> WorkerSettings:
    """Reads `worker.env`; variables of the process environment with the same keys win. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    values = read(path)
    values |= {key: value for key, value in environ.items() if is_key_of(WorkerSettings, key)}
    settings = build(WorkerSettings, path.name, values)
    clients = settings.clients_folder or path.parent / "clients"
    return settings.model_copy(update={"clients_folder": clients})


def load_client(path: Path) -> ClientFile:
    """Reads one client's file. Raises SettingsError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", path.stem):
        raise SettingsError(path.name, ["a client's file is named with small letters, digits, - and _ only"])
    return ClientFile(path.stem, build(ClientSettings, path.name, read(path)))


def load_clients(folder: Path) -> tuple[list[ClientFile], list[SettingsError]]:
    """Every `*.env` of the folder, by name. A broken file is told with all its faults and the others are used.

    Two files with the same client key, organisation number or tenant are both refused: one would bill for the other.
    """
    good: list[ClientFile] = []
    bad: list[SettingsError] = []
    if not folder.is_dir():
        return [], [SettingsError(folder.name, ["the clients folder does not exist"])]
    for path in sorted(folder.glob("*.env")):
        try:
            good.append(load_client(path))
        except SettingsError as error:
            bad.append(error)
    for what, value in (
        ("POWEROFFICE_CLIENT_KEY", lambda c: c.settings.poweroffice_client_key.get_secret_value()),
        ("ORGANISATION_NUMBER", lambda c: c.settings.organisation_number),
        ("ACCESS_POINT_TENANT", lambda c: c.settings.access_point_tenant),
    ):
        groups: dict[str, list[ClientFile]] = {}
        for client in good:
            groups.setdefault(value(client), []).append(client)
        for shared, twins in groups.items():
            if shared and len(twins) > 1:
                names = ", ".join(t.name for t in twins)
                bad += [SettingsError(f"{t.name}.env", [f"{what} is the same in {names}"]) for t in twins]
                good = [client for client in good if client not in twins]
    return good, bad
