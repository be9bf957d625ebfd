"""The two e-mail channels: a link with a code, or the PDF itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.delivery.outbound import DeliveryConfig, Parcel, Sent
from worker.delivery.texts import MailText, MailValues, link_mail, pdf_mail
from worker.model.journey import DeliveryEvent
from worker.ports import MailAttachment, Mailer, OutboundMail
from worker.store import links
from worker.store.database import Database
from worker.support.secrets import code_mac, hash_token, make_code, make_token


async def send_link(parcel: Parcel, config: DeliveryConfig, mailer: Mailer, db: Database, now: datetime) -> Sent:
    """Link and code in one mail. Every try has a link and code of its own, written down (hashed) before it is sent, so
    whichever mail arrives opens the invoice. Raises the outcomes of worker.model.outcomes."""
    token, code = make_token(), make_code()
    token_hash = hash_token(token)
    links.add(
        db,
        delivery_id=parcel.delivery.id,
        token_hash=token_hash,
        code_mac=code_mac(config.server_key, token_hash, code),
        expires_at=now + timedelta(days=config.link_days),
        now=now,
    )
    text = link_mail(_values(parcel, config, link=f"{config.portal_url}/i/{token}", code=code))
    return await _send(parcel, config, mailer, text, now, attachments=())


async def send_pdf(parcel: Parcel, config: DeliveryConfig, mailer: Mailer, db: Database, now: datetime) -> Sent:
    """The PDF as attachment. Raises the outcomes of worker.model.outcomes."""
    del db  # nothing to remember: an attachment cannot be seen opened
    attachment = MailAttachment(parcel.file_name, "application/pdf", parcel.pdf)
    return await _send(parcel, config, mailer, pdf_mail(_values(parcel, config)), now, attachments=(attachment,))


async def _send(
    parcel: Parcel,
    config: DeliveryConfig,
    mailer: Mailer,
    text: MailText,
    now: datetime,
    *,
    attachments: tuple[MailAttachment, ...],
) -> Sent:
    answer = await mailer.send(
        mail=OutboundMail(
            message_id=f"<{parcel.delivery.key}@{config.message_id_domain}>",
            to=tuple(parcel.delivery.address.split("; ")),
            sender_name=config.client_name,
            subject=text.subject,
            text=text.text,
            html=text.html,
            date=now,
            reply_to=config.reply_to,
            attachments=attachments,
        )
    )
    return Sent(DeliveryEvent.ACCEPTED, parcel.delivery.key, answer)


def _values(parcel: Parcel, config: DeliveryConfig, *, link: str = "", code: str = "") -> MailValues:
    raise NotImplementedError
