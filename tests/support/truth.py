"""The books compared: what counterparties accepted against what the worker's database says, invoice by invoice.

Nothing here knows what went wrong on the way. Whatever it was, at the end each invoice has been accepted once by its
counterparty, registered once, told to the ERP once, and each voucher posted once, or it is parked for a true reason.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.support.flow import Flow
from worker.model.ehf import read_document
from worker.ports import DocumentLost
from worker.sandbox.erp import SandboxClient
from worker.sandbox.records import DeliveryCall
from worker.store import reading, retrying, story, vouchers
from worker.store.reading import Story
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.store.tables import code_requests, postbacks, settlement_files, settlement_items, slots

REACHED = ("handed_over", "confirmed", "opened", "expired")
MAIL = ("email_link", "email_pdf")


@dataclass(slots=True)
class Verdict:
    """What is wrong, by kind, each in words; and what was counted."""

    duplicates: list[str] = field(default_factory=list[str])
    losses: list[str] = field(default_factory=list[str])
    false_reasons: list[str] = field(default_factory=list[str])
    others: list[str] = field(default_factory=list[str])
    invoices: int = 0
    deliveries: int = 0
    vouchers: int = 0
    parked: Counter[str] = field(default_factory=Counter[str])

    @property
    def faults(self) -> list[str]:
        return [
            *(f"twice: {what}" for what in self.duplicates),
            *(f"lost: {what}" for what in self.losses),
            *(f"false reason: {what}" for what in self.false_reasons),
            *self.others,
        ]


@dataclass(frozen=True, slots=True)
class Expected:
    """`doubtful`: e-mail deliveries whose outcome nobody can know, because the process died or the line was cut while
    they were being sent. `parked`: invoice numbers that wait for a person for that reason, and may. `clearing`: what
    the payments and events laid in the inbox come to on the client's clearing account; None: no money was laid.
    `items`: how many they are."""

    doubtful: Collection[int] = ()
    parked: Mapping[str, str] = field(default_factory=dict[str, str])
    clearing: tuple[int, Decimal] | None = None
    items: int = 0


def judge(flow: Flow, expected: Expected, *, client: str = "nordlys") -> Verdict:
    """Compares everything. Reads only."""
    verdict = Verdict()
    stories = [reading.story(flow.house.db, row.id) for row in reading.all_invoices(flow.house.db)]
    own = {told.invoice.erp_id: told for told in stories if told.invoice.client == client}
    erp = flow.erp(client)
    for erp_id in erp.invoices.keys() - own.keys():
        verdict.losses.append(f"{erp.invoices[erp_id].number} was never taken in")
    copies = accepted(flow)
    for told in own.values():
        verdict.invoices += 1
        _deliveries(told, copies, verdict)
        _invoice(flow, told, erp, expected, verdict)
    keys = {copy_key(told.invoice, row) for told in stories for row in told.deliveries}
    verdict.others += [f"{key} was accepted and no delivery knows of it" for key in copies.keys() - keys]
    for message_id, count in Counter(mail.message_id for mail in flow.world.mails).items():
        if count > 1:
            verdict.duplicates.append(f"the mail {message_id}, {count} times")
    _registered(flow, own, verdict, client)
    _money(flow, erp, expected, verdict, client)
    _rest(flow, verdict)
    return verdict


def accepted(flow: Flow) -> Counter[tuple[str, str]]:
    """(kind of way, key) of everything a counterparty has taken to carry on, with how often."""
    copies = Counter(("ehf", row.key) for row in flow.world.accepted_ehf)
    copies.update(("ehf", path.name.partition(".")[0]) for path in _lying(flow, "ehf-out"))
    copies.update(("efaktura", row.kid) for row in flow.world.maventa.efaktura)
    copies.update(("mail", mail.message_id.strip("<>").partition("@")[0]) for mail in flow.world.mails)
    letters = [*flow.sandbox.print_folder.glob("*.json"), *_lying(flow, "letters-out")]
    copies.update(("letter", str(json.loads(path.read_bytes())["job_id"]).rpartition("-")[2]) for path in letters)
    with flow.house.db.read() as tx:
        for key in tx.execute(select(code_requests.c.key)).scalars():  # a code's mail is no copy of the invoice
            del copies["mail", key]
    return copies


def _lying(flow: Flow, folder: str) -> list[Path]:
    """Manifests and envelopes that wait there or have been fetched."""
    lying = [*(flow.folder / folder).glob("*.json"), *(flow.folder / folder / "fetched").glob("*.json")]
    return [path for path in lying if not path.stem.endswith(".receipt")]


def copy_key(invoice: InvoiceRow, row: DeliveryRow) -> tuple[str, str]:
    """What the counterparty knows the delivery by."""
    if row.channel == "ehf":
        return "ehf", row.key
    if row.channel == "efaktura":
        return "efaktura", invoice.kid or ""
    return ("letter", row.key[:8]) if row.channel == "letter" else ("mail", row.key)


def _deliveries(told: Story, copies: Mapping[tuple[str, str], int], verdict: Verdict) -> None:
    for row in told.deliveries:
        verdict.deliveries += 1
        count = copies.get(copy_key(told.invoice, row), 0)
        name = f"{told.invoice.number} by {row.channel} ({row.state})"
        if count > 1:
            verdict.duplicates.append(f"{name}, {count} times")
        elif row.state in REACHED and not count:
            verdict.losses.append(f"{name} is with nobody")
        elif row.state in ("ready", "stopped") and count:
            verdict.others.append(f"{name} has been accepted, and we think it was not")
        elif row.state == "sending":
            verdict.others.append(f"{name} is being sent for ever")
        elif row.state == "unknown" and told.invoice.parked_reason != "sent_unknown":
            verdict.others.append(f"{name} is unknown, and nobody is told")


def _invoice(flow: Flow, told: Story, erp: SandboxClient, expected: Expected, verdict: Verdict) -> None:
    row, number = told.invoice, told.invoice.number
    if row.parked_reason:
        verdict.parked[row.parked_reason] += 1
    doubtful = [one for one in told.deliveries if one.state == "unknown" and one.channel in MAIL]
    if row.parked_reason == "sent_unknown" and doubtful:
        if any(one.id not in expected.doubtful for one in doubtful):
            verdict.false_reasons.append(f"{number} waits as sent_unknown, and its mail was never in doubt")
    elif row.parked_reason and expected.parked.get(number) != row.parked_reason:
        verdict.false_reasons.append(f"{number} waits as {row.parked_reason}: {row.parked_detail}")
    elif not row.parked_reason and row.state != "posted_back":
        verdict.losses.append(f"{number} stands still as {row.state}")
    _told(flow, row, erp.deliveries.get(row.erp_id, []), verdict)
    for sha256 in (row.original_sha256, row.stamped_sha256, row.pdf_sha256):
        try:
            flow.house.documents.get(sha256=sha256 or "")
        except DocumentLost as error:
            if row.state == "posted_back":
                verdict.losses.append(f"{number}: {error}")


def _told(flow: Flow, row: InvoiceRow, calls: Sequence[DeliveryCall], verdict: Verdict) -> None:
    number = row.number
    first = [call for call in calls if call.call == "delivered"]
    if len(first) != 1 and row.state == "posted_back":
        verdict.losses.append(f"{number} was told to the ERP {len(first)} times")
    for (status, comment), count in Counter((call.status, call.comment) for call in calls).items():
        if count > 1:
            verdict.duplicates.append(f"{number}: status {status} told {count} times, {comment!r}")
    if row.state == "posted_back":
        with flow.house.db.read() as tx:
            owed = tx.execute(select(postbacks.c.kind, postbacks.c.state).where(postbacks.c.invoice_id == row.id)).all()
        open_rows = [f"{kind} {state}" for kind, state in owed if state not in ("done", "folded")]
        if open_rows:
            verdict.losses.append(f"{number}: the ERP is still owed {', '.join(open_rows)}")
        if len(calls) != sum(state == "done" for _, state in owed):
            verdict.others.append(f"{number}: {len(calls)} calls at the ERP, {owed} in the database")


def _registered(flow: Flow, own: Mapping[str, Story], verdict: Verdict, client: str) -> None:
    claims: list[dict[str, Any]] = [
        json.loads(path.read_bytes()) for path in (flow.folder / "registered" / client).glob("*.json")
    ]
    for erp_id, count in Counter(claim["source"]["erp_id"] for claim in claims).items():
        if count > 1:
            verdict.duplicates.append(f"the claim of {erp_id}, {count} times")
        if erp_id not in own:
            verdict.others.append(f"the claim of {erp_id} is registered, and we know no such invoice")
    kids = {claim["source"]["erp_id"]: claim["payment"]["kid"] for claim in claims}
    for erp_id, told in own.items():
        row = told.invoice
        if row.registered_as is None:
            continue
        if erp_id not in kids:
            verdict.losses.append(f"{row.number} is not registered")
        elif kids[erp_id] != (row.kid or ""):
            verdict.others.append(f"{row.number} is registered with another KID")
    used = Counter(told.invoice.kid for told in own.values() if told.invoice.kid)
    verdict.duplicates += [f"the KID of {count} invoices" for count in used.values() if count > 1]


def _money(flow: Flow, erp: SandboxClient, expected: Expected, verdict: Verdict, client: str) -> None:
    ours = vouchers.of_client(flow.house.db, client=client)
    posted = Counter(voucher.reference for voucher in erp.vouchers.values())
    verdict.vouchers = len(ours)
    for row in ours:
        if row.state != "posted":
            verdict.losses.append(f"voucher {row.reference} is {row.state}: {row.answer}")
        if posted[row.reference] != 1:
            kind = verdict.duplicates if posted[row.reference] else verdict.losses
            kind.append(f"voucher {row.reference} is in the books {posted[row.reference]} times")
    known = {row.reference for row in ours}
    verdict.others += [f"voucher {reference} is not ours" for reference in posted if reference not in known]
    for voucher in erp.vouchers.values():
        if sum(line.amount for line in voucher.lines):
            verdict.others.append(f"voucher {voucher.reference} does not sum to zero")
    with flow.house.db.read() as tx:
        items = Counter(tx.execute(select(settlement_items.c.state)).scalars())
        files = Counter(tx.execute(select(settlement_files.c.state)).scalars())
    if set(files) - {"taken"}:
        verdict.others.append(f"settlement files: {dict(files)}")
    if expected.clearing is not None:
        account, amount = expected.clearing
        if erp.balance(account) != amount:
            verdict.losses.append(f"{account} holds {erp.balance(account)}, the events come to {amount}")
        if items != Counter({"booked": expected.items}):
            verdict.losses.append(f"{expected.items} items were laid, there are {dict(items)}")


def _rest(flow: Flow, verdict: Verdict) -> None:
    seen = story.Verified()
    verdict.others += [f"story of {fault.invoice_id}: {fault.what}" for fault in story.verify(flow.house.db, seen)]
    with flow.house.db.read() as tx:
        running = tx.execute(select(slots.c.job, slots.c.slot).where(slots.c.state == "running")).all()
    verdict.others += [f"slot {job} {slot} has been running for ever" for job, slot in running]


def settle_doubts(flow: Flow) -> int:
    """A person finds out about every mail in doubt and says how it was, as `retry --arrived|--never-arrived` does."""
    settled, arrived = 0, {mail.message_id.strip("<>").partition("@")[0] for mail in flow.world.mails}
    for row in reading.parked(flow.house.db):
        last = reading.story(flow.house.db, row.id).deliveries[-1:]
        if row.parked_reason == "sent_unknown" and last and last[0].state == "unknown" and last[0].channel in MAIL:
            now, key = flow.clock.now(), last[0].key
            retrying.retry(flow.house.db, row.id, arrived=key in arrived, new_key=f"again{last[0].id}", now=now)
            settled += 1
    return settled


def what_lies_at_the_access_point(flow: Flow) -> list[str]:
    """Numbers of the EHF that were handed over, read from the documents themselves."""
    paths = [flow.sandbox.folder / row.file for row in flow.world.accepted_ehf]
    paths += [path.with_suffix(".xml") for path in _lying(flow, "ehf-out")]
    return sorted(read_document(path.read_bytes()).number for path in paths)
