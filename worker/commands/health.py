"""`factoring-worker health`: asks the running worker whether it lives, as a container's HEALTHCHECK does every half
minute. Loads next to nothing, for the whole program takes a second of processor time to load (`worker.__main__`)."""

from __future__ import annotations

import http.client
import os
from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    Path, typer.Option("--settings", envvar="WORKER_SETTINGS", help="The factor's env file.", show_default=True)
]
Ready = Annotated[bool, typer.Option("--ready", help="Ask whether it is ready: database, documents, clients.")]
DEFAULT = Path("config/worker.env")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened on


def health(ready: Ready = False, settings: Settings = DEFAULT) -> None:
    """Ask the worker that runs on this machine whether it lives; exit code 0 when it does."""
    host, port = _portal(settings)
    connection = http.client.HTTPConnection(_ANYWHERE.get(host, host), port, timeout=6)
    try:
        connection.request("GET", "/readyz" if ready else "/healthz")
        answer = connection.getresponse()
        word, well = answer.read(200).decode(errors="replace"), answer.status == http.client.OK
    except (OSError, http.client.HTTPException) as error:
        word, well = f"no answer ({type(error).__name__})", False
    finally:
        connection.close()
    typer.echo(word, err=not well)
    if not well:
        raise typer.Exit(1)


def _portal(settings: Path) -> tuple[str, int]:
    """Where the portal listens. A container says it in its environment: then no file is read."""
    host, port = os.environ.get("PORTAL_HOST", ""), os.environ.get("PORTAL_PORT", "")
    if host and port.isdecimal():
        return host, int(port)
    from worker.settings import SettingsError, load_worker  # noqa: PLC0415 - half of the time it takes to load this

    try:
        loaded = load_worker(settings)
    except SettingsError:
        typer.echo(f"{settings} cannot be used: factoring-worker settings", err=True)
        raise typer.Exit(2) from None
    return loaded.portal_host, loaded.portal_port


def main() -> None:
    """The command by itself."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command("health")(health)
    alone(prog_name="factoring-worker health")  # a command that is alone would not say its name
