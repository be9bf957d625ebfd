"""`factoring-worker backup`: a copy of the SQLite database while the worker goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.commands.common import DEFAULT, Settings, fail, worker_settings
from worker.store.backup import copy_to
from worker.store.database import Database, DatabaseUnusable

To = Annotated[Path, typer.Option("--to", help="The file to write; it must not exist yet.")]


def backup(to: To, settings: Settings = DEFAULT) -> None:
    """Copy the SQLite database, whole and checked, while the worker goes on."""
    db = Database(worker_settings(settings).database_url)
    try:
        size = copy_to(db, to)
    except DatabaseUnusable as error:
        fail(str(error), 1)
    finally:
        db.close()
    typer.echo(f"{to}: {size / 2**20:.1f} MB, read through and sound; copy the documents after it")
