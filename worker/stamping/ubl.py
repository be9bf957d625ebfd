"""Stamping the XML: account, KID, notice and payee of the factor on an invoice or credit note.

Peppol BIS Billing 3 asks three things of a factored invoice (guide, "Payment receiver"): the notice in the document's
note, the factor as payee, the factor's account. Exactly those nodes are written; stamping.proof shows it each time.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum

from stdnum.no import iban as iban_rule
from stdnum.no import kontonr as account_rule

from worker.model.document import Kind, pdf_file_name
from worker.model.ehf import CBC, NAMESPACES, NORWEGIAN_SCHEME, ROOTS, DocumentError, XmlElement, etree, parse
from worker.model.parked import ParkedReason
from worker.model.party import company_id, organisation_number
from worker.stamping.accounts import AccountHunt, core
from worker.stamping.attachments import EmbeddedFile, embedded_files
from worker.stamping.searching import Unsearchable
from worker.stamping.tree import cac, cbc, insert_in_order, remove

CREDIT_TRANSFER = "30"  # UNCL4461; ERPs still write 31, a debit transfer
SEPA_CREDIT_TRANSFER = "58"
FACTORED_TYPE_CODES = {"380": "393", "381": "396"}
_EMBEDDED_FILE = f"{{{CBC}}}EmbeddedDocumentBinaryObject"


class StampError(DocumentError):
    """The document must not be stamped. `reason` is what it is parked under."""


class EmbeddedInvoice(StrEnum):
    """What to do with the ERP's own picture of the invoice inside the XML."""

    DROP = "drop"
    REPLACE = "replace"  # by our own drawing
    KEEP = "keep"


class PaymentAccount(StrEnum):
    """How the factor's account is written: 11 digits, IBAN, or IBAN only where a payer abroad needs it."""

    BBAN = "bban"
    IBAN = "iban"
    IBAN_ABROAD = "iban_abroad"  # a buyer outside Norway, or another currency than NOK


@dataclass(frozen=True, slots=True, kw_only=True)
class StampConfig:
    """What is put on one document.

    `account` is 11 digits; `payment_account` says when the document carries `iban` and `bic` instead. `kid` None: no
    PaymentID. Raises ValueError when account, IBAN, organisation number or notice cannot be right.
    """

    factor_name: str
    factor_organisation_number: str
    account: str
    iban: str = ""
    bic: str = ""
    payment_account: PaymentAccount = PaymentAccount.BBAN
    kid: str | None = None
    notice: str
    type_codes_factored: bool = False
    embedded_invoice: EmbeddedInvoice = EmbeddedInvoice.DROP

    def __post_init__(self) -> None:
        faults = {
            "factor_name is empty": not self.factor_name.strip(),
            "factor_organisation_number is not nine digits with a right check digit": organisation_number(
                self.factor_organisation_number
            )
            != self.factor_organisation_number,
            "account is not 11 digits with a right check digit": not (
                len(self.account) == 11 and self.account.isdecimal() and account_rule.is_valid(self.account)
            ),
            "iban is not that of the account": bool(self.iban)
            and not (iban_rule.is_valid(self.iban) and core(self.iban) == self.account),
            "payment_account without iban": self.payment_account != PaymentAccount.BBAN and not self.iban,
            "kid is neither None nor 4–25 digits": self.kid is not None
            and not (4 <= len(self.kid) <= 25 and self.kid.isascii() and self.kid.isdecimal()),
            "notice is empty": not self.notice.strip(),
        }
        if found := [fault for fault, present in faults.items() if present]:
            raise ValueError("; ".join(found))


@dataclass(frozen=True, slots=True)
class Stamped:
    """The stamped bytes, and what was taken away: accounts and KIDs as they stood, labels of dropped attachments.

    `wants_picture`: a copy was recognised that is to be replaced, and no picture was given yet. Draw the PDF from
    `xml`, then stamp the original again with it.
    """

    xml: bytes
    removed_accounts: tuple[str, ...]
    removed_kids: tuple[str, ...]
    dropped_attachments: tuple[str, ...]
    wants_picture: bool = False


def stamp(content: bytes, config: StampConfig, *, picture: bytes | None = None) -> Stamped:
    """Stamp one document. The same arguments give the same bytes; stamping twice gives what once did.

    `picture`: our own PDF of the stamped document; with EmbeddedInvoice.REPLACE it takes the place of the first
    recognised copy, under the copy's id and description, and further copies are dropped. Without it, or with DROP, all
    are.

    Raises DocumentError for what is not an unsigned BIS Billing 3 document, StampError for another payee
    (OTHER_PAYEE), an old account left in text or attachments or an attachment that cannot be searched for it
    (OLD_ACCOUNT_LEFT), and embedded files that are not base64 (DOCUMENT_UNREADABLE).
    """
    root = parse(content, keep_everything=True)
    _refuse_other_payee(root, config)
    accounts = old_accounts(root, config)
    kids = tuple(dict.fromkeys(kid for kid in texts(root, "cac:PaymentMeans/cbc:PaymentID") if kid != config.kid))
    hunt = AccountHunt(accounts)
    copies = invoice_copies(root, config, hunt)
    replaces = bool(copies) and config.embedded_invoice == EmbeddedInvoice.REPLACE
    if replaces and picture is not None:
        _put_picture(root, copies[0], picture)
    for copy in copies[1:] if replaces and picture is not None else copies:
        remove(copy.reference)
    _write_payment_means(root, config)
    _write_note(root, config)
    _write_payee(root, config)
    _write_type_code(root, config)
    if place := old_account_left(root, hunt):
        raise StampError(ParkedReason.OLD_ACCOUNT_LEFT, place)
    body = etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=False)
    return Stamped(
        xml=b'<?xml version="1.0" encoding="UTF-8"?>\n' + bytes(body).strip() + b"\n",
        removed_accounts=accounts,
        removed_kids=kids,
        dropped_attachments=tuple(copy.label for copy in copies),
        wants_picture=replaces and picture is None,
    )


def texts(root: XmlElement, path: str) -> list[str]:
    """The texts at `path`, without empty ones. Comments inside an element do not cut its text."""
    found = (str(element.xpath("string()")).strip() for element in root.findall(path, NAMESPACES))
    return [text for text in found if text]


def old_accounts(root: XmlElement, config: StampConfig) -> tuple[str, ...]:
    """The accounts the document asks payment to, as they stand, except the factor's own."""
    stated = texts(root, "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID")
    return tuple(dict.fromkeys(account for account in stated if core(account) != config.account))


def old_account_left(root: XmlElement, hunt: AccountHunt) -> str:
    """Where an account of the hunt still stands, in words: any text, attribute, comment or attachment; empty when
    nowhere. An attachment that cannot be searched may hold it, and so counts as one that does."""
    if not hunt.on:
        return ""
    read, aside = list[str](), list[str]()
    for node in root.iter():
        if not isinstance(node.tag, str):  # a comment or instruction: the reader sees the text around it as one
            aside.append(node.text or "")
            read.append(node.tail or "")
            continue
        aside += (node.tail or "", *node.attrib.values())
        if node.tag != _EMBEDDED_FILE:  # searched by itself, decoded
            read.append("\x00" + (node.text or ""))
    if hunt.stands_in("".join(read)) or hunt.stands_in("\x00".join(aside)):
        return "an old account number stands in the text"
    for position, file in enumerate(_embedded(root), start=1):
        try:
            if file.holds(hunt):
                return f"an old account number stands in attachment {position}"
        except Unsearchable as error:
            return f"attachment {position} may hold an old account number: {error}"
    return ""


def factor_is_seller(root: XmlElement, config: StampConfig) -> bool:
    """Then no payee may be stated: BR-17 demands a payee other than the seller."""
    ids, names = _seller(root)
    return config.factor_organisation_number in ids or (not ids and _plain(config.factor_name) in names)


def invoice_copies(root: XmlElement, config: StampConfig, hunt: AccountHunt) -> list[EmbeddedFile]:
    """The embedded pictures of the invoice that are not to be sent on as they are."""
    if config.embedded_invoice == EmbeddedInvoice.KEEP:
        return []
    number = next(iter(texts(root, "cbc:ID")), "")
    return [file for file in _embedded(root) if file.is_invoice_copy(number, hunt)]


def _embedded(root: XmlElement) -> list[EmbeddedFile]:
    try:
        return list(embedded_files(root))
    except ValueError as error:
        raise StampError(ParkedReason.DOCUMENT_UNREADABLE, str(error)) from None


def _seller(root: XmlElement) -> tuple[set[str], set[str]]:
    party = "cac:AccountingSupplierParty/cac:Party"
    stated = [
        *texts(root, f"{party}/cac:PartyLegalEntity/cbc:CompanyID"),
        *texts(root, f"{party}/cac:PartyTaxScheme/cbc:CompanyID"),
        *texts(root, f"{party}/cac:PartyIdentification/cbc:ID"),
        *texts(root, f"{party}/cbc:EndpointID"),
    ]
    names = texts(root, f"{party}/cac:PartyName/cbc:Name")
    names += texts(root, f"{party}/cac:PartyLegalEntity/cbc:RegistrationName")
    return {found for found in map(company_id, stated) if found}, set(map(_plain, names))


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _refuse_other_payee(root: XmlElement, config: StampConfig) -> None:
    """A payee who is neither seller nor factor: the claim may already belong to someone else.

    The legal entity's id decides; without one any id will do, and only a payee without ids is known by name.
    """
    seller_ids, seller_names = _seller(root)
    ours = seller_ids | {config.factor_organisation_number}
    for payee in root.findall("cac:PayeeParty", NAMESPACES):
        legal = texts(payee, "cac:PartyLegalEntity/cbc:CompanyID")
        ids = {found for found in map(company_id, legal or texts(payee, "cac:PartyIdentification/cbc:ID")) if found}
        names = set(map(_plain, texts(payee, "cac:PartyName/cbc:Name")))
        known = bool(ids & ours) if ids else names <= seller_names | {_plain(config.factor_name)}
        if not known:
            raise StampError(ParkedReason.OTHER_PAYEE, "PayeeParty names another than seller and factor")


def picture_name(root: XmlElement, copy: EmbeddedFile) -> str:
    """The file name under which our drawing stands: the copy's own when it names a PDF."""
    number = next(iter(texts(root, "cbc:ID")), "")
    return copy.file_name if copy.file_name.lower().endswith(".pdf") else pdf_file_name(ROOTS[root.tag], number)


def _put_picture(root: XmlElement, copy: EmbeddedFile, picture: bytes) -> None:
    element = copy.element
    for child in list(element):  # comments between pieces of base64
        element.remove(child)
    element.text = base64.b64encode(picture).decode("ascii")
    element.set("filename", picture_name(root, copy))
    element.set("mimeCode", "application/pdf")


def by_iban(config: StampConfig, *, country: str, currency: str) -> bool:
    """Whether a document for a buyer in `country` (empty: Norway) in `currency` carries IBAN and BIC."""
    if config.payment_account == PaymentAccount.IBAN_ABROAD:
        return country.upper() not in ("", "NO") or currency != "NOK"
    return config.payment_account == PaymentAccount.IBAN


def pays_by_iban(root: XmlElement, config: StampConfig) -> bool:
    """The same, asked of the document."""
    path = "cac:AccountingCustomerParty/cac:Party/cac:PostalAddress/cac:Country/cbc:IdentificationCode"
    country = next(iter(texts(root, path)), "")
    return by_iban(config, country=country, currency=next(iter(texts(root, "cbc:DocumentCurrencyCode")), ""))


def payment_code(root: XmlElement, config: StampConfig) -> str:
    """58 for IBAN in euro, else 30 (UNCL4461): 58 is a SEPA transfer, which only euro can be."""
    in_euro = texts(root, "cbc:DocumentCurrencyCode") == ["EUR"]
    return SEPA_CREDIT_TRANSFER if in_euro and pays_by_iban(root, config) else CREDIT_TRANSFER


def kept_due_date(root: XmlElement) -> str:
    """PaymentDueDate, where a credit note states when it is due; also an invoice's that has no DueDate of its own."""
    if ROOTS[root.tag] is Kind.INVOICE and texts(root, "cbc:DueDate"):
        return ""
    return next(iter(texts(root, "cac:PaymentMeans/cbc:PaymentDueDate")), "")


def _write_payment_means(root: XmlElement, config: StampConfig) -> None:
    due_date = kept_due_date(root)
    for old in root.findall("cac:PaymentMeans", NAMESPACES):
        remove(old)
    with_iban = pays_by_iban(root, config)
    account = cac("PayeeFinancialAccount", cbc("ID", config.iban if with_iban else config.account))
    if with_iban and config.bic:  # never with an 11-digit account
        account.append(cac("FinancialInstitutionBranch", cbc("ID", config.bic)))
    means = cac("PaymentMeans", cbc("PaymentMeansCode", payment_code(root, config)))
    if due_date:
        means.append(cbc("PaymentDueDate", due_date))
    if config.kid:
        means.append(cbc("PaymentID", config.kid))
    means.append(account)
    insert_in_order(root, means)


def _write_note(root: XmlElement, config: StampConfig) -> None:
    """One note (PEPPOL-EN16931-R002), the notice first: a buyer's system that cuts long notes cannot lose it."""
    own = "\n".join(texts(root, "cbc:Note"))
    for old in root.findall("cbc:Note", NAMESPACES):
        remove(old)
    notice = config.notice.strip()
    already = own == notice or own.startswith(notice + "\n")
    insert_in_order(root, cbc("Note", own if already else f"{notice}\n{own}".strip()))


def _write_payee(root: XmlElement, config: StampConfig) -> None:
    for old in root.findall("cac:PayeeParty", NAMESPACES):
        remove(old)
    if factor_is_seller(root, config):
        return
    number = config.factor_organisation_number
    payee = cac(
        "PayeeParty",
        cac("PartyIdentification", cbc("ID", number, schemeID=NORWEGIAN_SCHEME)),
        cac("PartyName", cbc("Name", config.factor_name)),
        cac("PartyLegalEntity", cbc("CompanyID", number, schemeID=NORWEGIAN_SCHEME)),
    )
    insert_in_order(root, payee)


def _write_type_code(root: XmlElement, config: StampConfig) -> None:
    if not config.type_codes_factored:
        return
    for name in ("InvoiceTypeCode", "CreditNoteTypeCode"):
        for element in root.findall(f"cbc:{name}", NAMESPACES):
            code = str(element.xpath("string()")).strip()
            if code in FACTORED_TYPE_CODES:
                element.text = FACTORED_TYPE_CODES[code]
