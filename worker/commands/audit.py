"""Commands that prove: nothing was changed behind the program's back."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from worker import tables
from worker.commands.common import DEFAULT, Client, Json, Settings, known_client, open_database, worker_settings
from worker.store import story

audit_app = typer.Typer(
    help="Proof that nobody changed what has been written.", no_args_is_help=True, rich_markup_mode=None
)


class _Read(ProgressColumn):
    """How far the reading has come."""

    def __init__(self, seen: story.Verified) -> None:
        super().__init__()
        self._seen = seen

    def render(self, task: Task) -> Text:
        return Text(f"{self._seen.stories} stories, {self._seen.lines} lines")


@audit_app.callback()
def _group() -> None:
    """Keeps `verify` a word of its own."""


@audit_app.command()
def verify(client: Client = None, json: Json = False, settings: Settings = DEFAULT) -> None:
    """Read every invoice's story and check that it is as it was written. Exit code 1 when one is not."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    known_client(db, loaded, client)
    seen = story.Verified()
    console = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(), TextColumn("reading the stories"), _Read(seen),
        console=console, transient=True, disable=json or not console.is_terminal,
    )  # fmt: skip
    with bar:
        bar.add_task("verify", total=None)
        faults = list(story.verify(db, seen, client=client))
    db.close()
    if json:
        typer.echo(
            tables.as_json({"stories": seen.stories, "lines": seen.lines, "digest": seen.digest, "faults": faults})
        )
    else:
        for fault in faults:
            typer.echo(f"invoice {fault.invoice_id}: {fault.what}")
        verdict = f"{len(faults)} NOT as written" if faults else "all as written"
        typer.echo(f"{seen.stories} stories, {seen.lines} lines: {verdict}")
        typer.echo(f"digest {seen.digest}")
    if faults:
        raise typer.Exit(1)
