"""Setting the stage: the folder, the sandbox's world, and the worker's own env files, read back like anybody's."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from worker.clients import load_all_clients
from worker.demo import cast
from worker.sandbox.server import Sandbox
from worker.settings import ClientFile, WorkerSettings, load_worker

MARK = ".factoring-demo"


class DemoError(Exception):
    """The demo cannot be played; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ClientEnv:
    """What one client's env file says."""

    name: str
    title: str
    organisation_number: str
    country: str
    key: str
    extra: dict[str, str]


def clear(out: Path) -> None:
    """An empty folder to play in. Only a folder that an earlier demo made is emptied. Raises DemoError."""
    if out.exists():
        if not out.is_dir() or (any(out.iterdir()) and not (out / MARK).is_file()):
            raise DemoError(f"{out} holds something else than an earlier demo: give another folder with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / MARK).write_text("made by factoring-worker demo; the next demo empties this folder\n", encoding="utf-8")


# Below those that the system gives to calls outwards (Linux: from 32768), one of which could take it meanwhile.
_ASKED_FOR = range(20000, 32768)


def free_port() -> int:
    """A port nobody listens on now. Raises DemoError when none is found."""
    for port in SystemRandom().sample(_ASKED_FOR, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise DemoError("this machine has no free port for the portal")


def write_settings(out: Path, sandbox: Sandbox, clients: list[ClientEnv], *, portal_port: int) -> Path:
    """Writes `config/worker.env` and one file a client under `out`; returns the first. Keys of a `worker.env` that lies
    there already are kept, so that what was made with them goes on."""
    folder = out / "config" / "clients"
    folder.mkdir(parents=True, exist_ok=True)
    path = out / "config" / "worker.env"
    before = load_worker(path, environ={}) if path.is_file() else None
    home = out.resolve()
    dns_host, dns_port = sandbox.dns_address
    smtp_host, smtp_port = sandbox.smtp_address
    sftp_host, sftp_port = sandbox.sftp_address
    values = {
        "ENVIRONMENT": "demo",
        "DATABASE_URL": f"sqlite:///{home / 'var' / 'worker.db'}",
        "DOCUMENT_STORE": str(home / "var" / "documents"),
        "LEDGER_FOLDER": str(home / "registered"),
        "INBOX_FOLDER": str(home / "inbox"),
        "STATEMENT_FOLDER": str(home / "statements"),
        "REPORT_TO": "drift@factoring.example",
        "LOG_FORMAT": "json",
        "FACTOR_NAME": cast.FACTOR_NAME,
        "FACTOR_ORGANISATION_NUMBER": cast.FACTOR_NUMBER,
        "FACTOR_ACCOUNT": cast.FACTOR_ACCOUNT,
        "FACTOR_BIC": "DNBANOKK",
        "FACTOR_CONTACT": "kundeservice@factoring.example, tlf. 22 00 00 00",
        "FACTOR_RETURN_ADDRESS": f"{cast.FACTOR_NAME}, Postboks 100, 0101 Oslo",
        "POWEROFFICE_URL": sandbox.poweroffice_url,
        "POWEROFFICE_APPLICATION_KEY": sandbox.application_key,
        "POWEROFFICE_REPLICA_LAG_SECONDS": "1.2",
        "PEPPOL_ZONE": sandbox.dns_zone,
        "PEPPOL_DNS_SERVER": f"{dns_host}:{dns_port}",
        "PEPPOL_SMP_OVERRIDE": sandbox.smp_url,
        "ACCESS_POINT": "phoss_ap",
        "ACCESS_POINT_URL": sandbox.access_point_url,
        "ACCESS_POINT_TOKEN": sandbox.access_point_token,
        "ACCESS_POINT_TIMEOUT_SECONDS": "2",
        "EFAKTURA_CHANNEL": "maventa",
        "MAVENTA_URL": sandbox.maventa_url,
        "MAVENTA_USER_KEY": sandbox.world.maventa.user_key,
        "MAVENTA_VENDOR_KEY": sandbox.world.maventa.vendor_key,
        "SMTP_HOST": smtp_host,
        "SMTP_PORT": str(smtp_port),
        "SMTP_SECURITY": "none",
        "SMTP_FROM": "faktura@factoring.example",
        "PRINT_HOUSE": "sftp",
        "SFTP_HOST": sftp_host,
        "SFTP_PORT": str(sftp_port),
        "SFTP_USER": sandbox.sftp_user,
        "SFTP_KEY_PATH": str(sandbox.sftp_client_key_path.resolve()),
        "SFTP_HOST_KEY": sandbox.sftp_host_key,
        "PORTAL_URL": f"http://127.0.0.1:{portal_port}",
        "PORTAL_PORT": str(portal_port),
        "PORTAL_KEY": before.portal_key.get_secret_value() if before else secrets.token_hex(32),
    }
    _write(path, values)
    for client in clients:
        own = {
            "CLIENT_NAME": client.title,
            "COUNTRY": client.country,
            "ORGANISATION_NUMBER": client.organisation_number,
            "POWEROFFICE_CLIENT_KEY": client.key,
            "KID_LAYOUT": "client:4 invoice:8",
            **client.extra,
        }
        _write(folder / f"{client.name}.env", own)
    return path


def _write(path: Path, values: dict[str, str]) -> None:
    lines = [f"{key}='{value.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'\n"
             for key, value in values.items()]  # fmt: skip
    path.touch(mode=0o600)
    path.write_text("".join(lines), encoding="utf-8")


def read_settings(path: Path) -> tuple[WorkerSettings, list[ClientFile]]:
    """As `run` reads them, but from the files alone. Raises SettingsError, DemoError."""
    settings = load_worker(path, environ={})
    clients, bad = load_all_clients(settings)
    if bad:
        raise DemoError("; ".join(str(error) for error in bad))
    return settings, clients
