"""The factor's settings (`worker.env`) and each client's (`clients/<client>.env`).

Unknown keys are errors; every fault of a file is told at once, by key, never with its value. A secret `X` may instead
be named as a file: `X_FILE=/run/secrets/x`. For the factor's file the process environment wins over the file, so a
container can set `DATABASE_URL`; a client's keys come from its own file alone, or two clients could mix.
"""

from worker.settings.client import ClientSettings
from worker.settings.files import (
    ClientFile,
    client_files,
    is_client_name,
    load_client,
    load_clients,
    load_worker,
    shared_values,
)
from worker.settings.values import iban_of
from worker.settings.worker import WorkerSettings
from worker.support.env_file import SettingsError

__all__ = [
    "ClientFile",
    "ClientSettings",
    "SettingsError",
    "WorkerSettings",
    "client_files",
    "iban_of",
    "is_client_name",
    "load_client",
    "load_clients",
    "load_worker",
    "shared_values",
]
