"""Codes in a mail of their own: the first one, when the client wants it apart from the link, and new ones on request.

They go to the delivery's addresses and nowhere else. What the mail server says is treated as for any mail: 5xx is
final, 4xx is tried again, no answer is unknown and never sent twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.delivery.email import letterhead
from worker.delivery.outbound import DeliveryConfig
from worker.delivery.texts import CodeMailValues, code_mail
from worker.model.document import Kind
from worker.model.outcomes import Refused, TryLater, Unavailable, UnknownOutcome
from worker.ports import Mailer, MailServer
from worker.store import codes, invoices
from worker.store.codes import CodeErrand
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.secrets import code_mac, make_code
from worker.support.summary import Summary

# A new code is waited for in front of the screen; the first one may take as long as the mail with the link.
PATIENCE = {"asked": timedelta(hours=1), "first": timedelta(hours=24)}
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))


async def run(
    *, clock: Clock, client: str, config: DeliveryConfig, db: Database, mail_server: MailServer, halt: Halt
) -> Summary:
    """Sends every code of the client that is due. Returns counts."""
    summary = Summary()
    async with mail_server.session() as mailer:
        while not halt.called:
            errand = codes.claim(db, client=client, now=clock.now())
            if errand is None:
                break
            with bound(invoice=errand.invoice_id, delivery=errand.delivery_id):
                outcome = await _send(errand, clock, config, db, mailer)
            summary.count(f"code_{outcome}")
            if outcome in ("unavailable", "access_denied"):
                break
    return summary


async def _send(errand: CodeErrand, clock: Clock, config: DeliveryConfig, db: Database, mailer: Mailer) -> str:
    started, code = clock.now(), make_code()
    if not codes.write_down(db, errand, code_mac=code_mac(config.server_key, token_hash=errand.token_hash, code=code)):
        return "overtaken"
    invoice = invoices.get(db, errand.invoice_id)
    text = code_mail(
        CodeMailValues(
            language="en" if invoice.language == "en" else "nb",
            is_credit_note=invoice.kind == Kind.CREDIT_NOTE,
            is_credit=bool(invoice.is_credit),
            number=invoice.number,
            client_name=config.client_name,
            factor_name=config.factor_name,
            contact=config.factor_contact,
            code=code,
            asked=errand.kind == "asked",
        )
    )
    due_at: datetime | None = None
    try:
        receipt = await mailer.send(
            mail=letterhead(config, key=errand.key, address=errand.address, text=text, now=started)
        )
        state, outcome, answer = "sent", "accepted", str(receipt)
    except Refused as error:
        state, outcome, answer = "refused", error.kind, f"{error.message} {error.answer}"
    except TryLater as error:
        state, outcome, answer = "ready", error.kind, f"{error.message} {error.answer}"
        waits = WAITS[min(errand.attempts, len(WAITS)) - 1]
        due_at = clock.now() + max(waits, timedelta(seconds=min(error.retry_after or 0, 3600)))
        # A mail server that is down is nobody's refusal: the first code waits for it as the link did.
        patient = isinstance(error, Unavailable) and errand.kind == "first"
        if not patient and clock.now() - errand.created_at >= PATIENCE[errand.kind]:
            state = "refused"
    except UnknownOutcome as error:
        state, outcome, answer = "unknown", error.kind, f"{error.message} {error.answer}"
    except Exception as error:  # nobody knows how far it came: it is closed as unknown and never sent twice
        codes.record(db, errand, state="unknown", started_at=started, now=clock.now(), outcome="unexpected",
                     answer=type(error).__name__)  # fmt: skip
        raise
    ours = codes.record(
        db, errand, state=state, started_at=started, now=clock.now(), outcome=outcome, answer=answer, due_at=due_at
    )
    log = get_logger()
    level = log.info if state == "sent" else log.warning
    level("code.sent", kind=errand.kind, outcome=outcome if ours else "overtaken", due_at=due_at)
    return outcome if ours else "overtaken"
