"""`evidence`: everything known about one invoice, as a zip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.clients import load_all_clients
from worker.commands.common import (
    DEFAULT,
    Invoice,
    Settings,
    fail,
    one_invoice,
    open_database,
    the_clock,
    worker_settings,
)
from worker.delivery import DeliveryConfig
from worker.evidence import collect
from worker.settings import WorkerSettings
from worker.support import files
from worker.support.env_file import SettingsError
from worker.wiring import build_documents, delivery_config


def evidence(
    invoice: Invoice,
    out: Annotated[
        Path | None, typer.Option("--out", help="The zip to write; evidence-CLIENT-NUMBER.zip otherwise.")
    ] = None,
    settings: Settings = DEFAULT,
) -> None:
    """Write everything about one invoice into a zip, for a dispute: documents, story, receipts, openings, hashes."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    try:
        row = one_invoice(db, invoice)
        config = _named(loaded, row.client)
        found = collect(db, build_documents(loaded), row.id, config=config, now=the_clock().now())
        target = out or Path(f"evidence-{row.client}-{files.safe_name(row.number)}.zip")
        files.replace(target, found.content, mode=0o600)  # it holds personal data
    except ValueError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"cannot be written: {error.strerror or error}", 1)
    finally:
        db.close()
    for name in found.names:
        typer.echo(f"  {name}")
    for one in found.missing:
        typer.echo(f"  missing: {one}", err=True)
    typer.echo(f"{target}: {len(found.content):,} bytes, {len(found.names)} files. It holds personal data.")


def _named(settings: WorkerSettings, client: str) -> DeliveryConfig | None:
    """How client and factor are called today; None when the client's file is gone or broken: that stops no evidence."""
    try:
        usable, _ = load_all_clients(settings)
    except SettingsError:
        return None
    return next((delivery_config(settings, one) for one in usable if one.name == client), None)
