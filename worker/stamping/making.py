"""One document from the ERP's original to what leaves the house: notice, stamped XML, proof, own checks, PDF.

Computing only: no store, no clock, so that it can run in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worker.model.document import Document
from worker.model.ehf import read_document
from worker.model.kid import KidLayout
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress
from worker.stamping.checks import own_faults
from worker.stamping.notice import Language, NoticeError, NoticeTemplates, NoticeValues, language_for
from worker.stamping.pdf import DrawnPdf, PaperConfig, draw
from worker.stamping.proof import prove
from worker.stamping.recipient import recipient_lines
from worker.stamping.ubl import EmbeddedInvoice, PaymentAccount, StampConfig, stamp


@dataclass(frozen=True, slots=True)
class StampingConfig:
    """One client's stamping. `account`: the factor's, 11 digits. `days`: within which objections are to come."""

    client_name: str
    client_number: str
    factor_name: str
    factor_organisation_number: str
    factor_contact: str
    account: str
    iban: str
    bic: str
    days: int
    kid_layout: KidLayout
    kid_on_credit_notes: bool
    notices: NoticeTemplates
    language: Literal["auto", "nb", "en"]
    payment_account: PaymentAccount
    embedded_invoice: EmbeddedInvoice
    factored_type_codes: bool
    return_address: str
    accent: str
    logo: bytes | None


class Stopped(Exception):
    """The document cannot become the factor's. `reason` is what the invoice is parked under."""

    def __init__(self, reason: ParkedReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it. `peppol_faults`: why the document could not go over Peppol, by rule; it may go another way."""

    xml: bytes
    pdf: DrawnPdf
    document: Document
    language: Language
    notice_version: str
    recipient_lines: tuple[str, ...]
    dropped_attachments: tuple[str, ...]
    peppol_faults: tuple[str, ...]


def make(
    original: bytes, document: Document, *, kid: str | None, card_address: PostalAddress, config: StampingConfig
) -> Made:
    """`document` is `original` as read. Raises Stopped, DocumentError (StampError among them), NotProven, PdfError."""
    language = language_for(document.buyer.address.country or card_address.country, config.language)
    notice_text, notice_version = _notice(document, kid, language, config)
    stamping = StampConfig(
        factor_name=config.factor_name,
        factor_organisation_number=config.factor_organisation_number,
        account=config.account,
        iban=config.iban,
        bic=config.bic,
        payment_account=config.payment_account,
        kid=kid,
        notice=notice_text,
        type_codes_factored=config.factored_type_codes,
        embedded_invoice=config.embedded_invoice,
    )
    stamped, picture = stamp(original, stamping), None
    lines = recipient_lines(document, card_address)
    paper = paper_of(config, kid=kid, notice=notice_text, language=language, recipient=lines)
    # Only the stamped XML is drawn.
    final = read_document(stamped.xml)
    pdf = draw(final, paper)
    if stamped.wants_picture:
        picture = pdf.content
        stamped = stamp(original, stamping, picture=picture)
        final = read_document(stamped.xml)
    prove(original, stamped.xml, stamping, picture=picture)
    faults = own_faults(final, stamping, kid_layout=config.kid_layout if kid else None)
    if faults:
        raise Stopped(faults[0].reason, "; ".join(str(fault) for fault in faults))
    return Made(
        xml=stamped.xml,
        pdf=pdf,
        document=final,
        language=language,
        notice_version=notice_version,
        recipient_lines=lines,
        # A replaced copy is not gone: the first is our own drawing now.
        dropped_attachments=stamped.dropped_attachments[1:] if picture else stamped.dropped_attachments,
        peppol_faults=_peppol_faults(final, stamping),
    )


def paper_of(
    config: StampingConfig,
    *,
    kid: str | None = None,
    notice: str = "",
    language: Language = "nb",
    recipient: tuple[str, ...] = (),
) -> PaperConfig:
    """How the client's paper looks, with what one document puts on it."""
    return PaperConfig(
        factor_name=config.factor_name,
        factor_organisation_number=config.factor_organisation_number,
        factor_account=config.account,
        factor_iban=config.iban,
        factor_bic=config.bic,
        kid=kid,
        notice=notice,
        language=language,
        recipient_lines=recipient,
        return_address=config.return_address,
        accent=config.accent,
        logo=config.logo,
    )


def participant(document: Document) -> str:
    """The buyer's electronic address as `scheme:value`, empty when the document states none."""
    endpoint = document.buyer.endpoint
    return f"{endpoint.scheme}:{endpoint.value}" if endpoint and endpoint.scheme else ""


def _peppol_faults(final: Document, stamping: StampConfig) -> tuple[str, ...]:
    """What our own checks hold against sending it between the two electronic addresses it states itself."""
    seller, receiver = final.seller.endpoint, participant(final)
    if not receiver:
        return ()
    sender = f"{seller.scheme}:{seller.value}" if seller and seller.scheme else "none"
    return tuple(str(fault) for fault in own_faults(final, stamping, sender=sender, receiver=receiver))


def _notice(document: Document, kid: str | None, language: Language, config: StampingConfig) -> tuple[str, str]:
    try:
        notice = config.notices.render(
            credit=document.is_credit,
            language=language,
            values=NoticeValues(
                factor=config.factor_name,
                factor_organisation_number=config.factor_organisation_number,
                account=config.account,
                iban=config.iban,
                bic=config.bic,
                kid=kid or "",
                client=config.client_name,
                contact=config.factor_contact,
                days=config.days,
            ),
        )
    except NoticeError as error:
        raise Stopped(ParkedReason.STAMPING_NOT_PROVEN, str(error)) from error
    return notice.text, notice.version
