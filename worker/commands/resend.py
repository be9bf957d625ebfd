"""`resend`: a person has an invoice delivered once more. Who and why are kept."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from worker.clients import load_all_clients
from worker.commands.common import (
    DEFAULT,
    By,
    Invoice,
    Now,
    Settings,
    choose,
    clock_of,
    fail,
    one_invoice,
    open_database,
    who_asks,
    worker_settings,
)
from worker.model.channel import Channel
from worker.routing import resend_address
from worker.store import deliveries, resending
from worker.support import log
from worker.support.clock import oslo_date
from worker.support.log import bound, get_logger
from worker.telling import channel_name, named
from worker.wiring import routing_rules


class ChannelName(StrEnum):
    """The channels by the names they have in `invoice show`."""

    EHF = "ehf"
    EFAKTURA = "efaktura"
    EMAIL_LINK = "email_link"
    EMAIL_PDF = "email_pdf"
    LETTER = "letter"


def resend(
    invoice: Invoice,
    channel: Annotated[ChannelName, typer.Option("--channel", help="Which way it goes now.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever looks at it later.")],
    address: Annotated[
        str,
        typer.Option(
            "--address",
            help="E-mail addresses, or a letter's address lines, with ; between, instead of the debtor's own.",
        ),
    ] = "",
    by: By = "",
    now: Now = None,
    settings: Settings = DEFAULT,
) -> None:
    """Deliver an invoice once more, on the channel you choose; the next job sends it and the ERP is told."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    clock = clock_of(now, loaded)
    who = who_asks(by)
    why = " ".join(reason.split())
    if not why:
        fail("--reason must say why", 2)
    chosen = Channel(channel.value)
    db = open_database(loaded)
    try:
        row = one_invoice(db, invoice)
        rules = routing_rules(choose(load_all_clients(loaded)[0], row.client)[0])
        earlier = deliveries.of_invoice(db, row.id)
        today = oslo_date(clock.now())
        to = resend_address(chosen, row, rules, given=address, earlier=earlier, today=today)
        made = resending.resend(db, row.id, channel=chosen, address=to, reason=why, by=who, now=clock.now())
    except resending.CannotResend as error:
        fail(str(error), 1)
    finally:
        db.close()
    with bound(client=row.client, invoice=row.id, delivery=made.id):
        get_logger().info("delivery.resend_asked", channel=chosen, by=who)
    typer.echo(f"{named(row)} goes out as {channel_name(chosen)} with the next job (delivery {made.number})")
