"""Mails a second: `python -m tests.bench.mail [--mails N] [--rounds N]`.

One run against a real SMTP server (aiosmtpd, in a process of its own). A bare aiosmtplib loop sends ready bytes over
one connection; beside it our mailer (texts, composing, envelope, verdicts), and the delivery step as a client's day has
it: claim, link and code, texts, mail, record, each committed in SQLite, documents from their folder, JSON log. They
take turns, so that a busy machine slows all of them; a number is the median of the rounds. Memory is the peak of the
sending process.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import aiosmtplib
from aiosmtpd.smtp import SMTP, Envelope

from tests.unit.store.stocked import Stock
from worker import delivery
from worker.adapters.document_store import FolderDocumentStore
from worker.adapters.mail import SmtpServer
from worker.adapters.mail.translate import compose
from worker.delivery.texts import LinkMailValues, link_mail
from worker.model.channel import Channel
from worker.model.journey import JourneyEvent
from worker.model.money import Money
from worker.ports import AccessPoint, MailAttachment, OutboundMail, PrintHouse
from worker.store import invoices
from worker.store.database import Database, migrate
from worker.support import log
from worker.support.clock import TurnedClock
from worker.support.halt import Halt
from worker.support.return_path import return_path

FROM, KEY = "faktura@factoring.example", b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
XML = Path(__file__).parents[1] / "golden" / "stamped" / "invoice.xml"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 180  # 45 KB, as our own with fonts
CONFIG = delivery.DeliveryConfig(
    client_name="Nordlys Elektro AS", factor_name="Nordfaktor Finans AS", factor_contact="22 00 00 00", reply_to="",
    message_id_domain="factoring.example", portal_url="https://faktura.example", link_days=90, unopened_days=4,
    server_key=KEY, return_address="", letter_colour=False, letter_duplex=False,
    bounce_address="bounce@factoring.example",
)  # fmt: skip


class _Sink:
    """Takes everything, keeps nothing."""

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        return "250 2.0.0 OK queued"


def _serve(told: Connection) -> None:
    async def serve() -> None:
        sink = _Sink()
        server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink, hostname="mx.test"), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def _mail(number: int) -> OutboundMail:
    key = f"0b5c2f4e-8a7d-5a51-9f0e-{number:012x}"
    text = link_mail(
        LinkMailValues(
            language="nb", is_credit_note=False, is_credit=False, number=str(number), client_name=CONFIG.client_name,
            factor_name=CONFIG.factor_name, contact=CONFIG.factor_contact, amount=Money.of("12500.50"),
            due_date=NOW.date(), url="https://faktura.example/i/2vJx0Qm8pW3nR5tYkLhZbA", code="048213",
        )
    )  # fmt: skip
    return OutboundMail(
        message_id=f"<{key}@factoring.example>", to=("kari@debitor.example",), sender_name=CONFIG.client_name,
        subject=text.subject, text=text.text, html=text.html, date=NOW,
        return_path=return_path(CONFIG.bounce_address, key=key, server_key=KEY),
    )  # fmt: skip


def _with_pdf(mail: OutboundMail) -> OutboundMail:
    return replace(mail, attachments=(MailAttachment("Faktura.pdf", "application/pdf", PDF),))


async def _bare(port: int, count: int, *, pdf: bool) -> float:
    """Ready bytes, one connection, nothing else."""
    made = [compose(_with_pdf(_mail(n)) if pdf else _mail(n), from_address=FROM) for n in range(count)]
    start = time.perf_counter()
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    async with client:
        for one in made:
            await client.sendmail(one.sender, list(one.recipients), one.content)
    return count / (time.perf_counter() - start)


async def _ours(port: int, count: int, *, pdf: bool) -> float:
    """Our mailer: texts, composing, envelope, verdicts."""
    start = time.perf_counter()
    async with _server(port).session() as mailer:
        for number in range(count):
            await mailer.send(mail=_with_pdf(_mail(number)) if pdf else _mail(number))
    return count / (time.perf_counter() - start)


async def _day(port: int, count: int, *, pdf: bool) -> float:
    """The delivery step, everything recorded."""
    channel = Channel.EMAIL_PDF if pdf else Channel.EMAIL_LINK
    with tempfile.TemporaryDirectory() as folder:
        db, documents = Database(f"sqlite:///{folder}/worker.db"), FolderDocumentStore(Path(folder) / "documents")
        migrate(db)
        xml, drawn = documents.put(content=XML.read_bytes()), documents.put(content=PDF)
        stock = Stock(db, "nordlys", NOW)
        for _ in range(count):
            new_id = stock.fetched()
            invoices.move(db, new_id, JourneyEvent.CHECK_PASSED, now=NOW, currency="NOK", payable_minor=1)
            invoices.move(db, new_id, JourneyEvent.STAMPING_DONE, now=NOW, stamped_sha256=xml, pdf_sha256=drawn)
            invoices.move(db, new_id, JourneyEvent.REGISTRATION_DONE, now=NOW)
            invoices.route(
                db, new_id, channel=channel, address="kari@debitor.example", key=stock.key(new_id, 1), reason="",
                considered=[], now=NOW,
            )  # fmt: skip
        nobody = cast("Any", None)
        carriers = delivery.Carriers(cast("AccessPoint", nobody), _server(port), cast("PrintHouse", nobody), nobody)
        start = time.perf_counter()
        summary = await delivery.run(
            clock=TurnedClock(NOW), client="nordlys", config=CONFIG, db=db, documents=documents, carriers=carriers,
            halt=Halt(),
        )  # fmt: skip
        took = time.perf_counter() - start
        assert summary["accepted"] == count, summary
        db.close()
    return count / took


def _server(port: int) -> SmtpServer:
    return SmtpServer(host="127.0.0.1", port=port, security="none", from_address=FROM)


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mails", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    log.configure(style="json", stream=io.StringIO())
    ours, theirs = multiprocessing.Pipe()
    serving = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    serving.start()
    port = ours.recv()
    rows: dict[str, Callable[[bool], Awaitable[float]]] = {
        "bare aiosmtplib loop": lambda pdf: _bare(port, given.mails, pdf=pdf),
        "our mailer": lambda pdf: _ours(port, given.mails, pdf=pdf),
        "delivery step, recorded": lambda pdf: _day(port, given.mails, pdf=pdf),
    }

    async def measure() -> dict[tuple[str, bool], list[float]]:
        seen: dict[tuple[str, bool], list[float]] = {(name, pdf): [] for pdf in (False, True) for name in rows}
        for _ in range(given.rounds):
            for (name, pdf), found in seen.items():
                found.append(await rows[name](pdf))
        return seen

    seen = asyncio.run(measure())
    serving.terminate()
    serving.join()
    print(f"{'mails/s (median, lowest, highest)':34}{'link and code':>24}{'PDF of 45 KB':>24}")  # noqa: T201
    for name in rows:
        cells = [seen[name, pdf] for pdf in (False, True)]
        told = "".join(f"{statistics.median(c):>12.0f} {min(c):>5.0f} {max(c):>5.0f}" for c in cells)
        print(f"{name:34}{told}")  # noqa: T201
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")  # noqa: T201


if __name__ == "__main__":
    main()
