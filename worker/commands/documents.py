"""Commands for the documents' bytes: are they all there and whole, and is there more than there should be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from worker.commands.common import DEFAULT, Json, Settings, fail, open_database, worker_settings
from worker.ports import DocumentLost, DocumentStore
from worker.settings import WorkerSettings
from worker.store.database import Database
from worker.store.documents import referenced
from worker.support.clock import SystemClock
from worker.tables import as_json
from worker.wiring import build_documents

T = TypeVar("T")

documents_app = typer.Typer(
    help="The documents' bytes: are they all there, and whole.", no_args_is_help=True, rich_markup_mode=None
)


@documents_app.command()
def check(json: Json = False, settings: Settings = DEFAULT) -> None:
    """Read every document a row names and check its hash. Exit code 1 when one is lost or changed."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    documents = _documents(loaded)
    read: dict[str, str] = {}
    lost: list[tuple[str, str]] = []
    for sha256, whose in _shown("reading documents", referenced(db), quiet=json):
        if sha256 not in read:
            read[sha256] = _fault(documents, sha256)
        if read[sha256]:
            lost.append((whose, read[sha256]))
    db.close()
    if json:
        typer.echo(as_json({"documents": len(read), "lost": [{"whose": w, "fault": f} for w, f in lost]}))
    else:
        for whose, fault in lost:
            typer.echo(f"{whose}: {fault}")
        typer.echo(f"{len(read)} documents: {f'{len(lost)} LOST OR CHANGED' if lost else 'all there and whole'}")
    if lost:
        raise typer.Exit(1)


@documents_app.command()
def sweep(
    older_than: Annotated[int, typer.Option("--older-than", min=1, help="Days; what is younger is left alone.")] = 7,
    remove: Annotated[bool, typer.Option("--remove", help="Remove them; otherwise they are only listed.")] = False,
    json: Json = False,
    settings: Settings = DEFAULT,
) -> None:
    """Find documents no row names: what a run left behind that was killed between the document and its row."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    documents = _documents(loaded)
    # What lies there bears the time of the machine, whatever clock is handed in.
    limit = SystemClock().now() - timedelta(days=older_than)
    try:
        # What lies there is listed first: a document written and named meanwhile is then known by its row.
        old = {
            found.sha256: found.size
            for found in _shown("listing documents", documents.documents(), quiet=json)
            if found.written_at < limit
        }
        orphans = _without_row(db, old)
        if remove:
            for sha256 in _shown("removing", list(orphans), quiet=json):
                documents.remove(sha256=sha256)
    except OSError as error:
        fail(f"the document store: {error.strerror}", 1)
    finally:
        db.close()
    size = sum(orphans.values())
    if json:
        typer.echo(as_json({"orphans": sorted(orphans), "bytes": size, "removed": remove}))
        return
    for sha256 in sorted(orphans):
        typer.echo(sha256)
    done = "removed" if remove else "nothing removed (use --remove)"
    typer.echo(f"{len(orphans)} documents without a row, {size:,} bytes, older than {older_than} days: {done}")


def _without_row(db: Database, old: dict[str, int]) -> dict[str, int]:
    orphans = dict(old)
    for sha256, _ in referenced(db):
        orphans.pop(sha256, None)
    return orphans


def _fault(documents: DocumentStore, sha256: str) -> str:
    try:
        documents.get(sha256=sha256)
    except DocumentLost as error:
        return str(error)
    except OSError as error:
        fail(f"the document store: {error.strerror}", 1)
    return ""


def _documents(settings: WorkerSettings) -> DocumentStore:
    try:
        return build_documents(settings)
    except ValueError as error:
        fail(str(error), 2)


def _shown(what: str, things: Iterable[T], *, quiet: bool) -> Iterator[T]:
    """The things, with a count on standard error while they pass."""
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(),
        console=console, transient=True, disable=quiet or not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task(what, total=None)
        for thing in things:
            yield thing
            progress.advance(task)
