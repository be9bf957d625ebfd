"""A debtor's link in a real database with real documents, and the portal before it. For contract, browser and bench."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert, select
from starlette.applications import Starlette

from worker.adapters.document_store import FolderDocumentStore
from worker.model.document import Kind
from worker.model.party import PostalAddress
from worker.portal import create_app
from worker.portal.access import page_name
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.store import links as link_store
from worker.store.database import Database
from worker.store.story import begin_story
from worker.store.tables import (
    code_requests,
    deliveries,
    events,
    invoices,
    links,
    portal_guards,
    settlement_files,
    settlement_items,
)
from worker.support.clock import TurnedClock
from worker.support.secrets import code_mac, hash_token, make_token

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
KEY = b"portal-test-key-0123456789abcdef"
CODE, WRONG = "048213", "999999"
PDF = b"%PDF-1.7\nthe invoice as the debtor gets it"
NOTICE = "Kravet er overdratt til Nordfaktor Finans AS. Betal til konto 1503.20.80119."
FACTOR = "Nordfaktor Finans AS"


@dataclass
class Sent:
    """One invoice with a link in somebody's inbox. `door` and `page`: the two addresses it has."""

    token: str
    invoice_id: int
    delivery_id: int

    @property
    def door(self) -> str:
        return f"/i/{self.token}"

    @property
    def page(self) -> str:
        return f"/faktura/{page_name(KEY, token_hash=hash_token(self.token))}"


@dataclass
class PortalHouse:
    """What a debtor can meet: links in the store, documents on the shelf, a clock that stands still."""

    db: Database
    documents: FolderDocumentStore
    root: Path
    clock: TurnedClock
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def app(self, *, public_url: str, **settings: Any) -> Starlette:
        return create_app(
            links=link_store.StoreLinkBook(self.db, tries=5),
            documents=self.documents,
            factor_name=FACTOR,
            public_url=public_url,
            server_key=KEY,
            clock=self.clock,
            **settings,
        )

    @asynccontextmanager
    async def debtor(self, host: str = "203.0.113.7", **settings: Any) -> AsyncGenerator[httpx.AsyncClient]:
        """A browser of its own. `settings` change how the portal is set up."""
        public_url = settings.pop("public_url", "https://faktura.example")
        transport = httpx.ASGITransport(app=self.app(public_url=public_url, **settings), client=(host, 40000))
        async with httpx.AsyncClient(transport=transport, base_url=public_url) as client:
            yield client

    def send(
        self, *, number: str = "10045", kind: Kind = Kind.INVOICE, language: str = "nb", state: str = "handed_over",
        code: str = CODE, days: int = 90, is_credit: bool | None = None, pdf: bytes = PDF,
        seller: str = "Nordlys <Elektro> & Bad AS", notice: str = NOTICE,
    ) -> Sent:  # fmt: skip
        xml = build_ehf(
            kind=kind,
            number=number,
            issue_date=date(2026, 11, 20),
            due_date=date(2026, 12, 4),
            seller=BuilderParty(seller, "974760673", PostalAddress("Gate 1", "", "0155", "OSLO")),
            buyer=BuilderParty("Kari Hemmelig Nordmann", "", PostalAddress("Veien 1", "", "0155", "OSLO")),
            lines=[BuilderLine("Bad", price=Decimal("10000.40"))],
            note=notice,
            credited_number="10044" if kind is Kind.CREDIT_NOTE else "",
        )
        erp_id = f"erp-{number}-{make_token()}"
        with self.db.begin() as tx:
            invoice_id = tx.execute(
                insert(invoices)
                .values(
                    client="nordlys", erp="poweroffice_go", erp_id=erp_id, kind=kind.value,
                    number=number, debtor_code="10001", state="delivering", erp_row={}, currency="NOK",
                    payable_minor=1250050, issue_date=date(2026, 11, 20), due_date=date(2026, 12, 4),
                    is_credit=kind is Kind.CREDIT_NOTE if is_credit is None else is_credit,
                    stamped_sha256=self.documents.put(content=xml), pdf_sha256=self.documents.put(content=pdf),
                    account="15032080119", kid="104210045000017", language=language, fetched_at=NOW, updated_at=NOW,
                )
                .returning(invoices.c.id)
            ).scalar_one()  # fmt: skip
            begin_story(tx, invoice_id, client="nordlys", erp="poweroffice_go", erp_id=erp_id)
            delivery_id = tx.execute(
                insert(deliveries)
                .values(
                    invoice_id=invoice_id, number=1, channel="email_link", state=state, address="kari@hemmelig.example",
                    reason="r", key=make_token(), due_at=NOW, handed_over_at=NOW, created_at=NOW,
                )
                .returning(deliveries.c.id)
            ).scalar_one()  # fmt: skip
        token = make_token()
        token_hash = hash_token(token)
        link_store.add(
            self.db,
            delivery_id=delivery_id,
            token_hash=token_hash,
            code_mac=code_mac(KEY, token_hash, code),
            expires_at=self.clock.now() + timedelta(days=days),
            now=self.clock.now(),
        )
        return Sent(token, invoice_id, delivery_id)

    def paid(self, sent: Sent, minor: int) -> None:
        """A payment of so many øre has been matched to the invoice."""
        unique = make_token()
        with self.db.begin() as tx:
            file_id = tx.execute(
                insert(settlement_files)
                .values(name="ocr.txt", sha256=hash_token(unique), state="taken", received_at=NOW)
                .returning(settlement_files.c.id)
            ).scalar_one()
            tx.execute(
                insert(settlement_items).values(
                    file_id=file_id, source_key=unique, kind="payment", client="nordlys", facts={}, state="matched",
                    invoice_id=sent.invoice_id, event_date=NOW.date(), amount_minor=minor, currency="NOK",
                    created_at=NOW,
                )
            )  # fmt: skip

    def credited(self, sent: Sent, minor: int) -> None:
        """The client has credited so many øre of the invoice."""
        with self.db.begin() as tx:
            number = tx.execute(select(invoices.c.number).where(invoices.c.id == sent.invoice_id)).scalar_one()
            tx.execute(
                insert(invoices).values(
                    client="nordlys", erp="poweroffice_go", erp_id=make_token(), kind="credit_note",
                    number=make_token(), debtor_code="10001", state="checked", erp_row={}, currency="NOK",
                    payable_minor=minor, is_credit=True, credited_number=number, fetched_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip

    def requests(self) -> list[dict[str, Any]]:
        """Codes asked for, oldest first."""
        with self.db.begin() as tx:
            return [dict(row) for row in tx.execute(select(code_requests).order_by(code_requests.c.id)).mappings()]

    def delivery(self, sent: Sent) -> dict[str, Any]:
        with self.db.begin() as tx:
            return dict(tx.execute(select(deliveries).where(deliveries.c.id == sent.delivery_id)).mappings().one())

    def link(self, sent: Sent) -> dict[str, Any]:
        with self.db.begin() as tx:
            return dict(tx.execute(select(links).where(links.c.delivery_id == sent.delivery_id)).mappings().one())

    def everything(self) -> list[Any]:
        with self.db.begin() as tx:
            return [
                [tuple(row) for row in tx.execute(select(table)).all()]
                for table in (invoices, deliveries, events, links, portal_guards, code_requests)
            ]
