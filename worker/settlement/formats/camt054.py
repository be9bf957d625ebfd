"""camt.054: the bank's notification of credits and debits, ISO 20022 XML, versions 001.02 and 001.08.

Everything that states a sum or a count is checked: transactions against their entry, batches against their details,
summaries against entries. What is wrong anywhere refuses the whole file; so does another message (camt.053 has lump
sums only) or version.

Where the standard leaves room:
- Both versions are read by one set of paths: each has elements that the other lacks, none has two meanings.
- Only booked entries (BOOK), on our accounts, in the account's currency, booked today or before.
- A transaction's amount is the one it states in the entry's currency (Amt, TxAmt or the counter value); a transaction
  alone in its entry may leave it to the entry. An entry without details is one transaction.
- CRDT is money in, DBIT money out, negative. A debit, a marked reversal (RvslInd, either way) and a return (RRTN,
  RtrInf) come out as `reversal`: banks do not say which payment they undo.
- The KID is the structured reference of type SCOR that is not ISO's own (RF…). Several KIDs in one transaction are no
  KID: they stand in the text, for a person. All referenced document numbers are `invoice_numbers`, credit notes too.
- Archive reference: the transaction's AcctSvcrRef; a transaction alone in its entry has the entry's. Without one, the
  fingerprint takes the payer's side's references, else the entry's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from worker.model.money import Money
from worker.model.settlement import BankPayment, FileRefused, SettlementFile, SourceFormat
from worker.settlement.formats.camt_remittance import NOTHING, Remittance, remittance
from worker.settlement.formats.camt_values import (
    Fault,
    account_number,
    account_of,
    amount_of,
    booking_date,
    child_of,
    children_of,
    count_of,
    currency_of,
    flag_of,
    minor_of,
    name_of,
    sign_of,
    text_of,
)
from worker.settlement.formats.fingerprint import Occurrences, fingerprint
from worker.settlement.formats.xml_stream import XmlElement, elements, root_name

VERSIONS: Final = ("001.02", "001.08")
_FAMILY: Final = "urn:iso:std:iso:20022:tech:xsd:"
_MESSAGE: Final = "BkToCstmrDbtCdtNtfctn"
_PARENTS: Final = {
    "GrpHdr": _MESSAGE,
    "Ntfctn": _MESSAGE,
    "Ntry": "Ntfctn",
    "NtryDtls": "Ntry",
    "TxDtls": "NtryDtls",
}
_COPIES: Final = frozenset({"COPY", "CODU", "DUPL"})
_NOT_PROVIDED: Final = "NOTPROVIDED"


def read(content: bytes, *, own_accounts: frozenset[str], today: date) -> SettlementFile:
    """The transactions of a notification, in the file's order. `own_accounts`: 11-digit numbers, or IBANs from abroad.

    Raises FileRefused.
    """
    namespace = _namespace(root_name(content))
    reader = _Reader(namespace, frozenset(account_number(account) for account in own_accounts), today)
    for element in elements(content, tuple(f"{{{namespace}}}{name}" for name in _PARENTS)):
        reader.take(element)
    return reader.finished(hashlib.sha256(content).hexdigest())


def _namespace(root: str) -> str:
    namespace, _, name = root.rpartition(" ")
    message = namespace.removeprefix(_FAMILY)
    if name != "Document" or message == namespace:
        raise FileRefused("the XML is not an ISO 20022 message from a bank")
    if message.startswith("camt.053."):
        raise FileRefused("this is an account statement (camt.053), which has lump sums only: order camt.054 instead")
    if message.startswith("camt.052."):
        raise FileRefused("this is an account report (camt.052), not yet booked: order camt.054 instead")
    if not message.startswith("camt.054."):
        raise FileRefused("this ISO 20022 message is not a notification of payments (camt.054)")
    if message.removeprefix("camt.054.") not in VERSIONS:
        raise FileRefused(f"this version of camt.054 is not known: order {' or '.join(VERSIONS)} from the bank")
    return namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detail:
    """One TxDtls. `amounts` as far as stated, in any currency; `sign` None when it is the entry's. `references` are
    the payer's side's."""

    amounts: tuple[Money, ...] = ()
    sign: int | None = None
    reversal: bool = False
    archive_reference: str = ""
    references: str = ""
    payer_name: str = ""
    payer_account: str = ""
    remittance: Remittance = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One Ntry, its details checked against it. `parts` pairs each detail with its signed amount."""

    amount: Money
    booked: date
    reversal: bool
    reference: str
    parts: tuple[tuple[_Detail, Money], ...]


class _Reader:
    """Takes elements as they end, so children come before what holds them; then `finished`."""

    def __init__(self, namespace: str, own_accounts: frozenset[str], today: date) -> None:
        self._prefix = f"{{{namespace}}}"
        self._own_accounts = own_accounts
        self._today = today
        self._header = ""
        self._copies = 0
        self._notifications = 0
        self._payments: list[BankPayment] = []
        self._occurrences = Occurrences()
        self._entries: list[_Entry] = []
        self._batches: list[list[_Detail]] = []
        self._details: list[_Detail] = []

    def take(self, element: XmlElement) -> None:
        """Raises FileRefused."""
        name = element.tag[len(self._prefix) :]
        try:
            parent = element.getparent()
            if parent is None or parent.tag != self._prefix + _PARENTS[name]:
                raise Fault(f"{name} stands where it must not")
            if name == "TxDtls":
                self._details.append(_detail(element))
            elif name == "NtryDtls":
                self._batch(element)
            elif name == "Ntry":
                self._entry(element)
            elif name == "Ntfctn":
                self._notification(element)
            else:
                self._group_header(element)
        except Fault as fault:
            raise FileRefused(str(fault), line=self._place(name)) from None

    def finished(self, sha256: str) -> SettlementFile:
        """Raises FileRefused."""
        if not self._header:
            raise FileRefused("the group header with the message's id is missing")
        if not self._notifications:
            raise FileRefused("the message holds no notification")
        return SettlementFile(
            format=SourceFormat.CAMT_054,
            identity=self._header + (" (COPY)" if self._copies else ""),
            sha256=sha256,
            payments=tuple(self._payments),
            copy=self._copies == self._notifications,
        )

    def _place(self, name: str) -> str:
        """Of the element being read: what has ended already is counted, this one is the next."""
        if name == "GrpHdr":
            return "group header"
        place = f"notification {self._notifications + 1}"
        if name != "Ntfctn":
            place += f", entry {len(self._entries) + 1}"
        if name == "TxDtls":
            before = sum(len(details) for details in self._batches) + len(self._details)
            place += f", transaction {before + 1}"
        return place

    def _group_header(self, element: XmlElement) -> None:
        if self._header:
            raise Fault("there are two group headers")
        fields = children_of(element, "MsgId", "CreDtTm", "MsgPgntn")
        message, created = text_of(fields.get("MsgId")), text_of(fields.get("CreDtTm"))
        if not message or not created:
            raise Fault("the group header lacks the message's id or its time")
        self._header = f"{message} {created}"
        page = children_of(fields.get("MsgPgntn"), "PgNb", "LastPgInd")
        number = text_of(page.get("PgNb"))
        if number and not (number == "1" and flag_of(page.get("LastPgInd"))):
            self._header += f" page {number}"

    def _batch(self, element: XmlElement) -> None:
        stated = child_of(element, "Btch", "NbOfTxs")
        # One transaction may go without details; a lump sum of many tells nothing about any of them.
        if stated is not None and count_of(stated) != (len(self._details) or 1):
            raise Fault(f"the batch says {count_of(stated)} transactions and has details of {len(self._details)}")
        self._batches.append(self._details)
        self._details = []

    def _entry(self, element: XmlElement) -> None:
        needed = ("Amt", "CdtDbtInd", "Sts", "BookgDt")
        fields = children_of(element, *needed, "RvslInd", "AcctSvcrRef", "AddtlNtryInf", "BkTxCd")
        for name in needed:
            if name not in fields:
                raise Fault(f"{name} is missing in the entry")
        status = child_of(fields["Sts"], "Cd") if len(fields["Sts"]) else fields["Sts"]
        if text_of(status) != "BOOK":
            raise Fault("the entry is not booked (its status is not BOOK)")
        sign = sign_of(fields["CdtDbtInd"])
        unsigned = amount_of(fields["Amt"])
        amount = Money(sign * unsigned.minor, unsigned.currency)
        details = [detail for batch in self._batches for detail in batch]
        if not details:
            text = " ".join(text_of(fields.get("AddtlNtryInf")).split())
            details = [_Detail(remittance=Remittance(text=text))]
        entry = _Entry(
            amount=amount,
            booked=booking_date(fields["BookgDt"], today=self._today),
            reversal=flag_of(fields.get("RvslInd")) or _returned(fields.get("BkTxCd")),
            reference=text_of(fields.get("AcctSvcrRef")),
            parts=_parts(amount, sign, details),
        )
        self._entries.append(entry)
        self._batches = []

    def _notification(self, element: XmlElement) -> None:
        fields = children_of(element, "Acct", "TxsSummry", "CpyDplctInd")
        account = account_of(fields.get("Acct"))
        if not account:
            raise Fault("the notification names no account")
        if account not in self._own_accounts:
            raise Fault(f"the account ending in {account[-4:]} is not one of the factor's")
        currencies = {entry.amount.currency for entry in self._entries}
        named = child_of(fields.get("Acct"), "Ccy")
        currency = min(currencies, default="NOK") if named is None else currency_of(text_of(named))
        if currencies - {currency}:
            raise Fault(f"an entry is in {min(currencies - {currency})} on an account in {currency}")
        if "TxsSummry" in fields:
            _check_summary(fields["TxsSummry"], [entry.amount.minor for entry in self._entries], currency)
        self._copies += text_of(fields.get("CpyDplctInd")) in _COPIES
        self._notifications += 1
        for number, entry in enumerate(self._entries, start=1):
            for part, (detail, amount) in enumerate(entry.parts, start=1):
                position = f"notification {self._notifications}, entry {number}, transaction {part}"
                self._payments.append(self._payment(account, entry, detail, amount, position))
        self._entries = []

    def _payment(self, account: str, entry: _Entry, detail: _Detail, amount: Money, position: str) -> BankPayment:
        alone = len(entry.parts) == 1
        archive_reference = detail.archive_reference or (entry.reference if alone else "")
        mark = fingerprint(
            account=account,
            booking_date=entry.booked,
            amount=amount,
            kid=detail.remittance.kid,
            text=detail.remittance.text,
            payer_account=detail.payer_account,
            reference=archive_reference or detail.references or entry.reference,
        )
        return BankPayment(
            account=account,
            booking_date=entry.booked,
            amount=amount,
            kid=detail.remittance.kid,
            text=detail.remittance.text,
            invoice_numbers=detail.remittance.numbers,
            payer_name=detail.payer_name,
            payer_account=detail.payer_account,
            archive_reference=archive_reference,
            reversal=entry.reversal or detail.reversal or amount.minor < 0,
            position=position,
            fingerprint=mark,
            occurrence=self._occurrences.count(mark),
            identified=bool(archive_reference),
        )


def _detail(element: XmlElement) -> _Detail:
    fields = children_of(element, "Refs", "Amt", "CdtDbtInd", "AmtDtls", "BkTxCd", "RltdPties", "RmtInf", "RtrInf")
    stated = [fields.get("Amt")]
    if "AmtDtls" in fields:
        inner = children_of(fields["AmtDtls"], "TxAmt", "CntrValAmt")
        stated += [child_of(inner.get(name), "Amt") for name in ("TxAmt", "CntrValAmt")]
    references = children_of(fields.get("Refs"), "AcctSvcrRef", "TxId", "InstrId", "EndToEndId")
    payers = [text_of(references.get(name)) for name in ("TxId", "InstrId", "EndToEndId")]
    parties = children_of(fields.get("RltdPties"), "Dbtr", "DbtrAcct")
    return _Detail(
        amounts=tuple(amount_of(amount) for amount in stated if amount is not None),
        sign=sign_of(fields["CdtDbtInd"]) if "CdtDbtInd" in fields else None,
        reversal="RtrInf" in fields or _returned(fields.get("BkTxCd")),
        archive_reference=text_of(references.get("AcctSvcrRef")),
        references=" ".join(dict.fromkeys(text for text in payers if text and text != _NOT_PROVIDED)),
        payer_name=name_of(parties.get("Dbtr")),
        payer_account=account_of(parties.get("DbtrAcct")),
        remittance=remittance(fields.get("RmtInf")),
    )


def _returned(code: XmlElement | None) -> bool:
    """Whether the bank transaction code says that a payment came back."""
    return text_of(child_of(code, "Domn", "Fmly", "SubFmlyCd")) == "RRTN"


def _parts(entry: Money, sign: int, details: Sequence[_Detail]) -> tuple[tuple[_Detail, Money], ...]:
    parts: list[tuple[_Detail, Money]] = []
    for detail in details:
        stated = [amount.minor for amount in detail.amounts if amount.currency == entry.currency]
        if not stated and len(details) > 1:
            raise Fault(f"a transaction does not state its amount in {entry.currency}, as the entry does")
        minor = stated[0] if stated else abs(entry.minor)
        parts.append((detail, Money((detail.sign or sign) * minor, entry.currency)))
    total = Money(sum(amount.minor for _, amount in parts), entry.currency)
    if total != entry:
        raise Fault(f"the entry is of {entry} and its transactions come to {total}")
    return tuple(parts)


def _check_summary(element: XmlElement, amounts: Sequence[int], currency: str) -> None:
    groups = {
        "TtlNtries": [abs(minor) for minor in amounts],
        "TtlCdtNtries": [minor for minor in amounts if minor >= 0],
        "TtlDbtNtries": [-minor for minor in amounts if minor < 0],
    }
    net_amount = Money(sum(amounts), currency)
    for name, summary in children_of(element, *groups).items():
        found = groups[name]
        stated = children_of(summary, "NbOfNtries", "Sum", "TtlNetNtryAmt", "CdtDbtInd", "TtlNetNtry")
        if "NbOfNtries" in stated and count_of(stated["NbOfNtries"]) != len(found):
            raise Fault(f"the summary ({name}) says another number of entries than the {len(found)} there are")
        if "Sum" in stated and minor_of(stated["Sum"], currency) != sum(found):
            total = Money(sum(found), currency)
            raise Fault(f"the summary ({name}) says another sum than the entries come to, {total}")
        net, indicator = stated.get("TtlNetNtryAmt"), stated.get("CdtDbtInd")
        if "TtlNetNtry" in stated:  # 001.08
            inner = children_of(stated["TtlNetNtry"], "Amt", "CdtDbtInd")
            net, indicator = inner.get("Amt"), inner.get("CdtDbtInd")
        if net is not None:
            said = minor_of(net, currency) * (1 if indicator is None else sign_of(indicator))
            if said != (net_amount.minor if indicator is not None else abs(net_amount.minor)):
                raise Fault(f"the summary's net amount is not what the entries come to, {net_amount}")
