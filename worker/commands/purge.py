"""`purge`: what has been kept long enough goes, after a look at what that is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from worker import tables
from worker.commands.common import DEFAULT, Json, Now, Settings, clock_of, fail, open_database, worker_settings
from worker.purging import Purged, Tally, limits, purge
from worker.store.holds import HOLDS
from worker.store.personal import Removal
from worker.support import log
from worker.support.clock import Stopwatch
from worker.support.log import bound, get_logger
from worker.wiring import build_documents

_WHAT = {
    Removal.DOCUMENTS: "documents of invoices",
    Removal.PERSONAL_DATA: "personal data on invoices and deliveries",
    Removal.SETTLEMENT: "words on payments and vouchers",
    Removal.SETTLEMENT_FILES: "settlement files",
    Removal.LINKS: "links that are over",
    Removal.WORDS: "counterparties' words",
    Removal.CALLERS: "where the portal's callers came from",
    Removal.LOOKUPS: "look-ups of receivers",
    Removal.RUNS: "past runs and checks",
}


def purge_command(
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Remove it; otherwise it is only shown what would go.")
    ] = False,
    now: Now = None,
    json: Json = False,
    settings: Settings = DEFAULT,
) -> None:
    """Remove what has been kept long enough: documents, personal data, look-ups, links. Shows it first."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    clock, watch = clock_of(now, loaded), Stopwatch()
    instant = clock.now()
    until = limits(loaded, now=instant)
    db = open_database(loaded)
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed}"),
        console=Console(stderr=True), transient=True, disable=json,
    )  # fmt: skip
    try:
        documents = build_documents(loaded)
        with bar:
            task = bar.add_task("looking")

            def step(kind: str, count: int) -> None:
                bar.update(task, description=_WHAT[Removal(kind)], advance=count)

            seen = purge(db, documents, until, now=instant, remove=False, step=step)
            if not json:
                tables.terminal().print(_view(seen, until))
            told = purge(db, documents, until, now=instant, remove=True, step=step) if yes else seen
    except ValueError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"the document store: {error.strerror or error}; what is removed is removed, run it again", 1)
    finally:
        db.close()
    if yes:
        _log(told, watch.milliseconds)
    if json:
        typer.echo(tables.as_json(_plain(told, until, removed=yes)))
    elif yes:
        finished = f" ({told.finished} left half way by an earlier run finished)" if told.finished else ""
        typer.echo(f"removed: {_sum(told)}{finished}. `audit verify` and `documents check` prove the rest.")
    else:
        typer.echo("nothing removed (use --yes)")


def _log(told: Purged, milliseconds: int) -> None:
    for (kind, client), tally in sorted(told.went.items()):
        with bound(client=client or None):
            get_logger().info("purge.removed", kind=kind, count=tally.count)
    held = sum(tally.count for tally in told.held.values())
    counts = {"removed": sum(tally.count for tally in told.went.values()), "held": held, "finished": told.finished}
    get_logger().info("purge.done", counts=counts, duration_ms=milliseconds)


def _view(told: Purged, until: dict[Removal, date]) -> RenderableType:
    went = Table(title="What goes", title_justify="left")
    for heading in ("what", "client", "rows", "oldest", "kept from"):
        went.add_column(heading, justify="right" if heading == "rows" else "left")
    for kind, what in _WHAT.items():
        rows = sorted((client, tally) for (of, client), tally in told.went.items() if of is kind)
        for client, tally in rows:
            went.add_row(what, client or "-", str(tally.count), _day(tally), str(until[kind]))
    parts: list[RenderableType] = [went if told.went else Text("Nothing is old enough.")]
    if told.held:
        held = Table(title="Old enough, and kept", title_justify="left")
        for heading in ("client", "why", "invoices", "oldest", "what to do"):
            held.add_column(heading, justify="right" if heading == "invoices" else "left")
        for (client, why), tally in sorted(told.held.items()):
            held.add_row(client, str(why), str(tally.count), _day(tally), HOLDS[why])
        parts.append(held)
    return Group(*parts)


def _day(tally: Tally) -> str:
    return tally.oldest.isoformat()


def _sum(told: Purged) -> str:
    sums: dict[Removal, int] = {}
    for (kind, _), tally in told.went.items():
        sums[kind] = sums.get(kind, 0) + tally.count
    return ", ".join(f"{count} {_WHAT[kind]}" for kind, count in sums.items()) or "nothing"


def _plain(told: Purged, until: dict[Removal, date], *, removed: bool) -> dict[str, Any]:
    return {
        "removed": removed,
        "finished": told.finished,
        "went": [
            {"kind": kind, "client": client, "count": tally.count, "oldest": tally.oldest, "kept_from": until[kind]}
            for (kind, client), tally in sorted(told.went.items())
        ],
        "held": [
            {"client": client, "why": why, "count": tally.count, "oldest": tally.oldest}
            for (client, why), tally in sorted(told.held.items())
        ],
    }
