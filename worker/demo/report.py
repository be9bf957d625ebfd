"""What came of the demo: the folder for looking into, the table for reading."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.model.channel import FACTS, Channel
from worker.model.journey import DeliveryState, JourneyState
from worker.sandbox.world import World
from worker.store import reading
from worker.store.database import Database
from worker.store.reading import Story
from worker.store.rows import DeliveryRow
from worker.tables import debtor_name, money

_STATES = {
    DeliveryState.READY: "waiting",
    DeliveryState.SENDING: "being sent",
    DeliveryState.HANDED_OVER: "handed over",
    DeliveryState.CONFIRMED: "receipt from the receiver's side",
    DeliveryState.OPENED: "opened",
    DeliveryState.EXPIRED: "not opened",
    DeliveryState.REFUSED: "refused",
    DeliveryState.UNKNOWN: "outcome unknown",
    DeliveryState.STOPPED: "stopped",
}


def write_folder(out: Path, world: World) -> None:
    """`erp.json`, `pdf/` as posted back, and the sandbox's state; mails, letters and EHF are there already."""
    (out / "erp.json").write_bytes(orjson.dumps(world.erp_report(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    (out / "pdf").mkdir(exist_ok=True)
    world.write_posted_back(out / "pdf")
    _daily_reports(out, world)
    world.save(out / "sandbox")


def _daily_reports(out: Path, world: World) -> None:
    """The mails that tell of a day, each as text and HTML with what was attached."""
    folder = out / "reports"
    folder.mkdir(exist_ok=True)
    for mail in world.mails:
        message = message_from_bytes((out / mail.file).read_bytes(), policy=policy.default)
        if not str(message["Subject"]).startswith("Dagsrapport"):
            continue
        attached = list(message.iter_attachments())
        stem = next((Path(part.get_filename() or "").stem for part in attached), Path(mail.file).stem)
        for kind, ending in (("plain", "txt"), ("html", "html")):
            body = message.get_body((kind,))
            if body is not None:
                (folder / f"{stem}.{ending}").write_text(body.get_content(), encoding="utf-8")
        for part in attached:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                (folder / Path(part.get_filename() or "attached").name).write_bytes(content)


def stories(db: Database) -> list[Story]:
    """Every invoice's story, in the order they came in."""
    return [reading.story(db, row.id) for row in reading.all_invoices(db)]


def outcome(story: Story) -> str:
    """In words: where it went, or what it waits for."""
    row = story.invoice
    steps = [f"{FACTS[Channel(d.channel)].english}: {_state(d)}" for d in story.deliveries]
    if row.state == JourneyState.PARKED:
        steps.append(f"PARKED {row.parked_reason}")
    elif row.state == JourneyState.POSTED_BACK:
        steps.append("ERP told")
    else:
        steps.append(row.state)
    return " → ".join(steps)


def _state(delivery: DeliveryRow) -> str:
    posted = delivery.channel == Channel.LETTER and delivery.state == DeliveryState.CONFIRMED
    return "posted" if posted else _STATES[DeliveryState(delivery.state)]


def why(story: Story) -> str:
    """Why the first channel, or why it waits."""
    row = story.invoice
    return row.route_reason or row.parked_detail or ""


def table(all_stories: list[Story]) -> Table:
    """The demo's table."""
    shown = Table(title="What became of every invoice", title_justify="left", show_lines=True)
    shown.add_column("invoice", no_wrap=True)
    shown.add_column("debtor", overflow="fold", min_width=14)
    shown.add_column("channel and why", overflow="fold", ratio=3)
    shown.add_column("outcome", overflow="fold", ratio=3)
    shown.add_column("KID", no_wrap=True)
    for story in all_stories:
        row = story.invoice
        parked = row.state == JourneyState.PARKED
        first = FACTS[Channel(row.route)].english if row.route else "-"
        kind = "credit note\n" if row.kind == "credit_note" else ""
        label = Text(f"{row.number}\n{kind}{row.client}\n{money(row.total)}")
        kid = row.kid or ("" if row.state in (JourneyState.FETCHED, JourneyState.PARKED) else "none (credit)")
        shown.add_row(
            label,
            Text(debtor_name(row) or f"customer {row.debtor_code}"),
            Text.assemble((first, "bold"), f"\n{why(story)}"),
            Text(outcome(story), "red" if parked else ""),
            kid,
        )
    return shown


def print_table(console: Console, all_stories: list[Story]) -> None:
    """The table and its sum."""
    console.print(table(all_stories))
    count = len(all_stories)
    done = sum(story.invoice.state == JourneyState.POSTED_BACK for story in all_stories)
    parked = sum(story.invoice.state == JourneyState.PARKED for story in all_stories)
    console.print(f"{count} invoices: {done} delivered and told to the ERP, {parked} parked with a reason.")
