"""README.txt of the zip: what is in it, what became of each delivery, and how to check it without the program."""

from __future__ import annotations

from datetime import datetime

from worker.evidence.arrival import Arrival
from worker.evidence.papers import DELIVERED, DRAWN, Papers
from worker.model.channel import Channel
from worker.store.reading import Story
from worker.support import wording
from worker.support.clock import OSLO
from worker.telling import channel_name

_CHECKING = """
Of a link the first opening with the right code is kept, and how many wrong codes there have been since the last right
or new one. Later openings are not kept, nor when a wrong code was tried. Links go before the rest when their retention
is over; that and when one was first opened stays in story.json.

SHA256SUMS is checked with: sha256sum -c SHA256SUMS
A line's hash is SHA-256 over the JSON list [hash before, sequence, time in UTC, event, delivery, from, to,
SHA-256 of the detail]; the first stands on SHA-256 of the JSON list [client, ERP, the ERP's id].
"""


def readme(told: Story, reached: list[Arrival], papers: Papers, *, chain: str, now: datetime) -> str:
    """English, for whoever at the factor puts the case together; the Norwegian text is historie.txt."""
    row, local = told.invoice, now.astimezone(OSLO)
    lines = [
        f"Evidence for {row.kind} {row.number} of {row.client} (id {row.id}).",
        f"Made {wording.minute(now)} {local:%Z}, Norwegian time (UTC{local:%z}).",
        "Times here and in historie.txt are Norwegian time; times in the JSON files are UTC.",
        "",
        f"state       {row.state}" + (f" ({row.parked_reason})" if row.parked_reason else ""),
        f"delivered   {_verdict(reached)}",
        f"KID         {row.kid or 'none'} on account {row.account or '-'}",
        f"notice      version {row.notice_version or '-'}, in stamped.xml (cbc:Note) and on the PDF",
        f"story       {len(told.events)} lines; {chain}",
        f"last hash   {told.events[-1].hash if told.events else '-'}",
        "",
        "Deliveries: number, channel, to whom, what became of it",
        *(_delivery(one) for one in reached),
        *([] if reached else ["- none: it has never been sent to anybody"]),
        "",
        "Files",
        *_files(reached, papers),
        *_CHECKING.rstrip().split("\n"),
        *(["", "Missing:"] if papers.missing else []),
        *(f"- {one}" for one in papers.missing),
    ]
    return "\n".join(lines) + "\n"


def _verdict(reached: list[Arrival]) -> str:
    had = [str(one.delivery.number) for one in reached if one.had]
    if had:
        return f"handed over and not come back: delivery {', '.join(had)}"
    if any(one.unknown for one in reached):
        return "NOT KNOWN: nobody can tell whether it arrived"
    return "NO: nobody has got it from us"


def _delivery(one: Arrival) -> str:
    delivery = one.delivery
    return f"- {delivery.number}, {channel_name(delivery.channel)}, to {one.to}: {one.outcome}"


def _files(reached: list[Arrival], papers: Papers) -> list[str]:
    told = [
        ("original.xml", "the document exactly as the client's ERP gave it"),
        ("stamped.xml", "the same with the factor's account, KID and pledge notice"),
        *((name, _what(name, reached, papers)) for name in sorted(papers.files) if name.startswith((DELIVERED, DRAWN))),
        ("historie.txt", "the story in Norwegian, for debtor or court; no names of staff, no notes of theirs"),
        ("story.json", "every event with its hash, decisions, deliveries, attempts with the other side's words"),
        ("opened.json", "each link: when it was made and runs out, its first opening, and wrong codes"),
        ("receipts.json", "what came back: bounces, who of several has it not, receivers' and the print house's words"),
        ("settlement.json", "payments and events matched to it"),
    ]
    wide = max(len(name) for name, _ in told)
    return [f"{name:{wide}}  {what}" for name, what in told if name.endswith((".json", ".txt")) or name in papers.files]


def _what(name: str, reached: list[Arrival], papers: Papers) -> str:
    if name in papers.notes:
        return papers.notes[name]
    if name.endswith(".xml"):
        return "the EHF as handed over for the debtor: stamped.xml"
    if name.startswith(DRAWN):
        return f"the PDF as drawn from stamped.xml. {_not_delivered(reached)}"
    ways = [channel_name(one.delivery.channel) for one in reached if one.had and one.delivery.channel != Channel.EHF]
    behind = ", or as it stands behind the link" if channel_name(Channel.EMAIL_LINK) in ways else ""
    return f"the PDF as delivered ({', '.join(dict.fromkeys(ways))}){behind}"


def _not_delivered(reached: list[Arrival]) -> str:
    if any(one.had for one in reached):
        return "It was not delivered itself: the debtor got the EHF"
    if any(one.unknown for one in reached):
        return "It is NOT KNOWN to have been delivered"
    return "It was NOT delivered"
