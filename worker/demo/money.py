"""The money side of the demo: what the bank and the factor send, and how the client's books stand."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.table import Table

from worker.demo import cast
from worker.demo.calendar import SECOND_DAY
from worker.model.kid import mod10
from worker.model.money import norwegian
from worker.sandbox.bank import OcrPayment, ledger_feed, ocr_giro
from worker.sandbox.erp import SandboxClient
from worker.sandbox.world import World
from worker.store import reading

if TYPE_CHECKING:
    from worker.demo.play import Play

CLIENT = "nordlys"
PAID, HALF_PAID = (5002, 5003, 5007), 5005
SHOWN = (1510, 1920, 6970, 6975)


def books(world: World) -> SandboxClient:
    """The ERP of the client that has return data."""
    return world.clients[next(client.key for client in cast.CLIENTS if client.name == CLIENT)]


async def money_comes(play: Play) -> str:
    """Three invoices paid, one half paid, a KID mistyped and one nobody knows; two fees, an advance and a payout."""
    payments: list[OcrPayment] = []
    for number in (*PAID, HALF_PAID):
        (invoice,) = reading.find(play.house.db, f"{CLIENT}/{number}")
        owed = invoice.payable_minor or 0
        payments.append(OcrPayment(owed if number in PAID else owed // 2, invoice.kid or ""))
    mistyped = f"{payments[0].kid[:-1]}{(int(payments[0].kid[-1]) + 1) % 10}"
    unknown = "100100099999"
    payments += [OcrPayment(43_210, mistyped), OcrPayment(99_000, unknown + mod10(unknown))]
    day = SECOND_DAY.isoformat()
    sums = (("administrative_fee", "250.00"), ("financial_fee", "87.50"), ("advance", "2000.00"), ("payout", "500.00"))
    events: list[dict[str, object]] = [
        {"event_id": f"demo-{place}", "client": CLIENT, "kind": kind, "date": day, "amount": amount, "currency": "NOK"}
        for place, (kind, amount) in enumerate(sums, 1)
    ]
    files = {
        "OCR.D261126": ocr_giro(payments, account=cast.FACTOR_ACCOUNT, day=SECOND_DAY),
        "feed-2026-11-26.jsonl": ledger_feed(events, file_id="demo-2026-11-26"),
    }
    inbox = play.house.settings.inbox_folder
    await asyncio.to_thread(inbox.mkdir, parents=True, exist_ok=True)
    for name, content in files.items():
        await asyncio.to_thread((inbox / name).write_bytes, content)
    play.before.update(standing(play.world))
    return f"{len(payments)} payments, {len(events)} events"


def standing(world: World) -> dict[str, Decimal]:
    """The client's open receivables and the accounts return data touches, as the ERP has them."""
    erp = books(world)
    found = {"open items (kundereskontro)": sum((e.balance for e in erp.ledger.entries.values()), Decimal(0))}
    for code in SHOWN:
        found[f"{code} {erp.accounts[code].name}"] = erp.balance(code)
    return found


def table(before: dict[str, Decimal], after: dict[str, Decimal]) -> Table:
    """The client's books before and after the settlement; debit positive."""
    shown = Table(title=f"Return data in the books of {CLIENT} (NOK, debit positive)", title_justify="left")
    shown.add_column("account")
    for heading in ("before", "after", "change"):
        shown.add_column(heading, justify="right")
    for name, amount in after.items():
        was = before.get(name, Decimal(0))
        shown.add_row(name, *(norwegian(value) for value in (was, amount, amount - was)))
    return shown
