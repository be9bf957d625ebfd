"""Proof, on every document, that stamping changed the stamped nodes and nothing else.

The proof reads both documents anew and does not trust what stamping says it did. It compares the canonical form (C14N)
of both trees with the stamped nodes taken out, then looks at those nodes one by one.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from worker.model.ehf import NAMESPACES, NORWEGIAN_SCHEME, XmlElement, etree, parse, read_document
from worker.stamping.accounts import AccountHunt
from worker.stamping.attachments import EmbeddedFile
from worker.stamping.tree import remove
from worker.stamping.ubl import (
    FACTORED_TYPE_CODES,
    EmbeddedInvoice,
    StampConfig,
    factor_is_seller,
    invoice_copies,
    kept_due_date,
    old_account_left,
    old_accounts,
    payment_code,
    pays_by_iban,
    picture_name,
    texts,
)

_STAMPED = ("cbc:Note", "cac:PayeeParty", "cac:PaymentMeans")
_FILE = "cac:Attachment/cbc:EmbeddedDocumentBinaryObject"
_TYPE_CODES = ("cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode")


class NotProven(ValueError):
    """The stamped document is not the original with our stamp. The message names the element, never its content."""


def prove(original: bytes, stamped: bytes, config: StampConfig, *, picture: bytes | None = None) -> None:
    """Raises NotProven unless `stamped` is `original` stamped with `config` (and `picture`) and nothing else."""
    try:
        before = parse(original, keep_everything=True)
        after = parse(stamped, keep_everything=True)
        old_payable, new_payable = (_payable(content) for content in (original, stamped))
    except ValueError as error:
        raise NotProven(f"a document cannot be read again: {error}") from None
    _demand(old_payable == new_payable, "the amount to pay or its currency has changed")
    hunt = AccountHunt(old_accounts(before, config))
    _demand(not old_account_left(after, hunt), "an old account number is left")
    _prove_payment(before, after, config)
    _prove_note(before, after, config)
    _prove_payee(before, after, config)
    _prove_type_code(before, after, config)
    _prove_copies(before, after, config, invoice_copies(before, config, hunt), picture)
    _demand(_rest(before) == _rest(after), "something outside the stamped elements has changed")


def _prove_copies(
    before: XmlElement, after: XmlElement, config: StampConfig, copies: Sequence[EmbeddedFile], picture: bytes | None
) -> None:
    """Each copy is gone; the first is our own drawing instead when that is set and given. Evens `before` and `after`
    out, for what is left of them to be compared."""
    kept = copies[:1] if picture is not None and config.embedded_invoice == EmbeddedInvoice.REPLACE else ()
    for copy in copies[len(kept) :]:
        remove(copy.reference)
    path = "cac:AdditionalDocumentReference"
    for copy in kept:
        place = before.findall(path, NAMESPACES).index(copy.reference)
        references = after.findall(path, NAMESPACES)
        found = references[place].findall(_FILE, NAMESPACES) if place < len(references) else []
        _demand(len(found) == 1, "the invoice's own picture does not stand in its place")
        expected = {"filename": picture_name(before, copy), "mimeCode": "application/pdf"}
        same = found[0].text == base64.b64encode(picture or b"").decode("ascii") and not len(found[0])
        others = {name: value for name, value in copy.element.attrib.items() if name not in expected}
        _demand(same and dict(found[0].attrib) == others | expected, "the invoice's own picture is not the one drawn")
        for element in (copy.element, found[0]):
            tail = element.tail
            element.clear()
            element.tail = tail


def _payable(content: bytes) -> tuple[object, ...]:
    document = read_document(content)
    return document.payable, document.currency, document.number, document.kind, document.due_date


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise NotProven(message)


def _prove_payment(before: XmlElement, after: XmlElement, config: StampConfig) -> None:
    means = after.findall("cac:PaymentMeans", NAMESPACES)
    _demand(len(means) == 1, "PaymentMeans does not stand exactly once")
    due_date = kept_due_date(before)
    by_iban = pays_by_iban(before, config)
    account = [config.iban, *([config.bic] if config.bic else [])] if by_iban else [config.account]
    expected = [
        ("PaymentMeansCode", payment_code(before, config), ""),
        *([("PaymentDueDate", due_date, "")] if due_date else []),
        *([("PaymentID", config.kid, "")] if config.kid else []),
        *(("ID", value, "") for value in account),
    ]
    _demand(_leaves(means[0]) == expected, "PaymentMeans is not the factor's account and KID alone")


def _prove_note(before: XmlElement, after: XmlElement, config: StampConfig) -> None:
    notes = texts(after, "cbc:Note")
    _demand(len(notes) == 1, "Note does not stand exactly once")
    notice, own = config.notice.strip(), "\n".join(texts(before, "cbc:Note"))
    _demand(notes[0] == notice or notes[0].startswith(notice + "\n"), "Note does not begin with the notice")
    _demand(notes[0] in (own, f"{notice}\n{own}".strip()), "the client's own Note is not kept as it was")


def _prove_payee(before: XmlElement, after: XmlElement, config: StampConfig) -> None:
    payees = after.findall("cac:PayeeParty", NAMESPACES)
    if factor_is_seller(before, config):
        _demand(not payees, "PayeeParty stands though the factor is the seller")
        return
    _demand(len(payees) == 1, "PayeeParty does not stand exactly once")
    number = config.factor_organisation_number
    expected = [
        ("ID", number, NORWEGIAN_SCHEME),
        ("Name", config.factor_name, ""),
        ("CompanyID", number, NORWEGIAN_SCHEME),
    ]
    _demand(_leaves(payees[0]) == expected, "PayeeParty is not the factor")


def _prove_type_code(before: XmlElement, after: XmlElement, config: StampConfig) -> None:
    for name in _TYPE_CODES:
        expected = texts(before, name)
        if config.type_codes_factored:
            expected = [FACTORED_TYPE_CODES.get(code, code) for code in expected]
        _demand(texts(after, name) == expected, "the type code is not as set")


def _rest(root: XmlElement) -> bytes:
    """Canonical form without the stamped nodes (the tree is used up)."""
    for name in _STAMPED:
        for element in root.findall(name, NAMESPACES):
            remove(element)
    for name in _TYPE_CODES:  # proven by itself; it stays in place, without its text
        for element in root.findall(name, NAMESPACES):
            element.text = None
    try:
        return bytes(etree.tostring(root, method="c14n", with_comments=True))
    except etree.C14NError:
        raise NotProven("a document has no canonical form") from None


def _leaves(element: XmlElement) -> list[tuple[str, str | None, str]]:
    """Name, text and attribute values of every element that holds no other."""
    found = (leaf for leaf in element.iter("{*}*") if not len(leaf))
    return [(str(leaf.tag).rpartition("}")[2], leaf.text, " ".join(leaf.attrib.values())) for leaf in found]
