"""The two e-mail channels: a link with a code, or the PDF itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TypedDict

from worker.delivery.outbound import DeliveryConfig, Parcel, Sent
from worker.delivery.texts import Language, LinkMailValues, MailText, PdfMailValues, link_mail, pdf_mail
from worker.model.document import Kind
from worker.model.journey import DeliveryEvent
from worker.model.money import Money
from worker.model.outcomes import TryLater
from worker.ports import MailAttachment, Mailer, OutboundMail
from worker.store import bounces, links
from worker.store.database import Database
from worker.store.trouble import StoreTrouble
from worker.support.return_path import return_path
from worker.support.secrets import code_mac, hash_token, make_code, make_token


async def send_link(parcel: Parcel, config: DeliveryConfig, mailer: Mailer, db: Database, now: datetime) -> Sent:
    """Link and code in one mail, or the link alone when the code goes in a second mail (worker.delivery.codes).

    Every try has a link and code of its own, written down (hashed) before it is sent, so whichever mail arrives opens
    the invoice. Raises the outcomes of worker.model.outcomes."""
    token, code = make_token(), "" if config.code_in_second_mail else make_code()
    token_hash = hash_token(token)
    try:
        links.add(
            db,
            delivery_id=parcel.delivery.id,
            token_hash=token_hash,
            code_mac=code_mac(config.server_key, token_hash=token_hash, code=code) if code else "",
            expires_at=now + timedelta(days=config.link_days),
            now=now,
        )
    except StoreTrouble as error:  # nothing has been sent, and a person must not be asked whether it has
        raise TryLater(f"the link could not be written down: {error}") from error
    url = f"{config.portal_url}/i/{token}"
    text = link_mail(
        LinkMailValues(**_common(parcel, config), url=url, code=code, letter_after_days=config.unopened_days)
    )
    return await _send(parcel, config, mailer, db, text, now, attachments=())


async def send_pdf(parcel: Parcel, config: DeliveryConfig, mailer: Mailer, db: Database, now: datetime) -> Sent:
    """The PDF as attachment. Raises the outcomes of worker.model.outcomes."""
    values = PdfMailValues(
        **_common(parcel, config), account=parcel.invoice.account or "", kid=parcel.invoice.kid or ""
    )
    attachment = MailAttachment(parcel.file_name, "application/pdf", parcel.pdf)
    return await _send(parcel, config, mailer, db, pdf_mail(values), now, attachments=(attachment,))


async def _send(
    parcel: Parcel,
    config: DeliveryConfig,
    mailer: Mailer,
    db: Database,
    text: MailText,
    now: datetime,
    *,
    attachments: tuple[MailAttachment, ...],
) -> Sent:
    receipt = await mailer.send(
        mail=letterhead(config, key=parcel.delivery.key, address=parcel.delivery.address, text=text, now=now,
                        attachments=attachments)
    )  # fmt: skip
    if receipt.turned_down:
        bounces.turned_down_at_door(db, parcel.delivery.id, receipt.turned_down, now=now)
    return Sent(DeliveryEvent.ACCEPTED, parcel.delivery.key, str(receipt))


def letterhead(
    config: DeliveryConfig,
    *,
    key: str,
    address: str,
    text: MailText,
    now: datetime,
    attachments: tuple[MailAttachment, ...] = (),
) -> OutboundMail:
    """A mail under our name: Message-ID and return path are made from its key, so a bounce finds its way back."""
    return OutboundMail(
        message_id=f"<{key}@{config.message_id_domain}>",
        to=tuple(address.split("; ")),
        sender_name=config.client_name,
        subject=text.subject,
        text=text.text,
        html=text.html,
        date=now,
        reply_to=config.reply_to,
        attachments=attachments,
        return_path=(
            return_path(config.bounce_address, key=key, server_key=config.server_key) if config.bounce_address else ""
        ),
    )


class _Common(TypedDict):
    language: Language
    is_credit_note: bool
    is_credit: bool
    number: str
    client_name: str
    factor_name: str
    contact: str
    amount: Money
    due_date: date | None


def _common(parcel: Parcel, config: DeliveryConfig) -> _Common:
    document = parcel.document
    return _Common(
        language="en" if parcel.invoice.language == "en" else "nb",
        is_credit_note=document.kind is Kind.CREDIT_NOTE,
        is_credit=document.is_credit,
        number=document.number,
        client_name=config.client_name,
        factor_name=config.factor_name,
        contact=config.factor_contact,
        amount=Money.of(document.payable, document.currency),
        due_date=document.due_date,
    )
