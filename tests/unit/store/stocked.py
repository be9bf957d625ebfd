"""A client's invoices, brought by the store's own functions to where a test wants them."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, func, or_, select

from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, JourneyEvent, JourneyState
from worker.store import deliveries, invoices, links, postbacks, successors
from worker.store import tables as t
from worker.store.database import Database
from worker.store.keys import delivery_key
from worker.store.rows import DeliveryRow, InvoiceRow, PostbackRow
from worker.store.tables import metadata

T = TypeVar("T")
NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE_OVER = deliveries.LEASE + MINUTE
_numbers = itertools.count(10001)


def sha256(text: str) -> str:
    """Any SHA-256, the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Stock:
    """`now` moves only when a test moves it."""

    db: Database
    client: str
    now: datetime = NOW
    _steps: dict[JourneyEvent, dict[str, Any]] = field(
        default_factory=lambda: {
            JourneyEvent.CHECK_PASSED: {"currency": "NOK", "payable_minor": 1250050, "is_credit": False},
            JourneyEvent.STAMPING_DONE: {
                "stamped_sha256": sha256("stamped"), "pdf_sha256": sha256("pdf"), "account": "86011117947",
                "language": "nb",
            },
            JourneyEvent.REGISTRATION_DONE: {"registered_as": "claim.json"},
        }
    )  # fmt: skip

    def fetched(self, *, erp_id: str = "", number: str = "", kind: str = "invoice") -> int:
        """A new invoice. Its ERP id and number are its own unless given."""
        unique = next(_numbers)
        new_id = invoices.add_fetched(
            self.db, client=self.client, erp="poweroffice_go", erp_id=erp_id or f"erp-{unique}", kind=kind,
            number=number or str(unique), debtor_code="10001", erp_row={"total": "12500.50"}, now=self.now,
        )  # fmt: skip
        assert new_id is not None
        return new_id

    def registered(self, **given: str) -> int:
        """An invoice that waits for its route."""
        new_id = self.fetched(**given)
        for event, values in self._steps.items():
            invoices.move(self.db, new_id, event, now=self.now, **values)
        return new_id

    def routed(self, channel: Channel = Channel.EMAIL_LINK, **given: str) -> int:
        """An invoice with its first delivery ready."""
        new_id = self.registered(**given)
        invoices.route(
            self.db, new_id, channel=channel, address="kari@debtor.example", key=self.key(new_id, 1),
            reason="the debtor has an e-mail address", considered=[["ehf", "cannot receive it"]], now=self.now,
        )  # fmt: skip
        return new_id

    def sending(self, channel: Channel = Channel.EMAIL_LINK) -> DeliveryRow:
        """A delivery claimed just now."""
        self.routed(channel)
        return self.claim(channel)

    def sent(self, event: DeliveryEvent = DeliveryEvent.ACCEPTED, channel: Channel = Channel.EMAIL_LINK) -> DeliveryRow:
        """A delivery claimed and ended with `event`, as it stands afterwards."""
        claimed = self.sending(channel)
        self.record(claimed, event)
        return self.delivery(claimed)

    def told(self, channel: Channel = Channel.EMAIL_LINK) -> DeliveryRow:
        """A delivery handed over that the ERP knows of."""
        delivery = self.sent(channel=channel)
        self.tell(self.postback(), "done")
        return delivery

    def key(self, invoice_id: int, number: int) -> str:
        return delivery_key(self.invoice(invoice_id), number)

    def claim(self, *channels: Channel) -> DeliveryRow:
        claimed = self.try_claim(*channels)
        assert claimed is not None
        return claimed

    def try_claim(self, *channels: Channel) -> DeliveryRow | None:
        return deliveries.claim_ready(self.db, client=self.client, channels=channels or list(Channel), now=self.now)

    def try_ask(self, *skip: int) -> DeliveryRow | None:
        return deliveries.claim_to_ask(self.db, client=self.client, now=self.now, skip=set(skip))

    def recover(self) -> int:
        return deliveries.recover(self.db, client=self.client, now=self.now)

    def record(self, claimed: DeliveryRow, event: DeliveryEvent | None, **given: Any) -> None:
        values: dict[str, Any] = {
            "act": "send", "started_at": self.now, "now": self.now, "outcome": str(event), "answer": "250 OK", **given
        }  # fmt: skip
        deliveries.record(self.db, claimed, event, **values)

    def next_channel(self, delivery: DeliveryRow, channel: Channel = Channel.LETTER, *, expire: bool) -> int:
        return successors.take_next_channel(
            self.db, delivery, expire=expire, channel=channel, address="Storgata 1\n0155 OSLO",
            key=self.key(delivery.invoice_id, delivery.number + 1), reason="the next way", considered=[], now=self.now,
        )  # fmt: skip

    def try_postback(self, *skip: int, repeats_only: bool = False) -> PostbackRow | None:
        return postbacks.claim(self.db, client=self.client, now=self.now, skip=set(skip), repeats_only=repeats_only)

    def postback(self) -> PostbackRow:
        claimed = self.try_postback()
        assert claimed is not None
        return claimed

    def tell(self, claimed: PostbackRow, state: str, **given: Any) -> None:
        values: dict[str, Any] = {
            "act": "send", "text": claimed.text or "Levert", "started_at": self.now, "now": self.now,
            "outcome": state, **given,
        }  # fmt: skip
        postbacks.record(self.db, claimed, state=state, **values)

    def link(self, delivery_id: int, *, code: str = "mac-right", days: int = 90) -> int:
        return links.add(
            self.db, delivery_id=delivery_id, token_hash=sha256(f"{delivery_id}-{next(_numbers)}"), code_mac=code,
            expires_at=self.now + timedelta(days=days), now=self.now,
        )  # fmt: skip

    def invoice(self, invoice_id: int) -> InvoiceRow:
        return invoices.get(self.db, invoice_id)

    def state(self, invoice_id: int) -> JourneyState:
        return JourneyState(self.invoice(invoice_id).state)

    def deliveries(self, invoice_id: int) -> list[DeliveryRow]:
        return deliveries.of_invoice(self.db, invoice_id)

    def delivery(self, row: DeliveryRow) -> DeliveryRow:
        """The row as it is now."""
        return next(found for found in self.deliveries(row.invoice_id) if found.id == row.id)

    def rows(self, table: Table, **where: Any) -> list[dict[str, Any]]:
        """Rows of a table as they are, oldest first."""
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.db.begin() as tx:
            return [dict(row) for row in tx.execute(query.order_by(*table.primary_key.columns)).mappings()]

    def seen(self) -> dict[str, Any]:
        """Everything written about the client's invoices, and how many rows there are of everything else."""
        own = select(t.invoices.c.id).where(t.invoices.c.client == self.client)
        sent = select(t.deliveries.c.id).where(t.deliveries.c.invoice_id.in_(own))
        told = select(t.postbacks.c.id).where(t.postbacks.c.invoice_id.in_(own))
        tried = or_(
            (t.attempts.c.subject == "delivery") & t.attempts.c.subject_id.in_(sent),
            (t.attempts.c.subject == "postback") & t.attempts.c.subject_id.in_(told),
        )
        where: dict[str, ColumnElement[bool]] = {
            "invoices": t.invoices.c.id.in_(own),
            "links": t.links.c.delivery_id.in_(sent),
            "attempts": tried,
        }
        found: dict[str, Any] = {}
        with self.db.read() as tx:
            for name, table in metadata.tables.items():
                found[f"{name}, how many"] = tx.execute(select(func.count()).select_from(table)).scalar_one()
                if "invoice_id" in table.c:
                    where[name] = table.c.invoice_id.in_(own)
                if name in where:
                    rows = tx.execute(select(table).where(where[name]).order_by(*table.primary_key.columns))
                    found[name] = [dict(row) for row in rows.mappings()]
        return found

    def turn(self, by: timedelta) -> None:
        self.now += by


def everything(db: Database) -> dict[str, list[dict[str, Any]]]:
    """The whole database, to compare before and after."""
    with db.begin() as tx:
        return {
            name: [dict(r) for r in tx.execute(select(table).order_by(*table.primary_key.columns)).mappings()]
            for name, table in metadata.tables.items()
        }


def count(db: Database, table: Table) -> int:
    with db.begin() as tx:
        return tx.execute(select(func.count()).select_from(table)).scalar_one()


def at_once(*works: Callable[[], T]) -> list[T]:
    """Runs all of them in threads that start together; raises what any of them raised."""
    gate = threading.Barrier(len(works))

    def through(work: Callable[[], T]) -> T:
        gate.wait(10)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures: Sequence[Any] = [pool.submit(through, work) for work in works]
        return [future.result(30) for future in futures]
