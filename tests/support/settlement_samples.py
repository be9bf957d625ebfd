"""Settlement files as a bank or the factor writes them: rendered from plain values, for tests and benches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

ACCOUNT = "86011117947"
OTHER_ACCOUNT = "15032080119"
TODAY = date(2026, 11, 21)

# --- OCR giro -------------------------------------------------------------------------------------

# Invented; the layout of the specification, KIDs as one factor builds them (MOD10).
OCR_VECTOR = b"""\
NY000010000080800000777001234560000000000000000000000000000000000000000000000000
NY090020001234567000000186011117947000000000000000000000000000000000000000000000
NY09103000000012011260120100001000000000001250000         9123400045012007000000
NY091031000000100000000005000000010000000191126123456789030000000000000000000000
NY09133000000022011260120100001000000000000078050         9123400045013005000000
NY091331000000200000000005000000020000000201126000000000000000000000000000000000
NY09163000000032011260120100001000000000000099999         9123400045014003000000
NY091631000000300000000000000000000000000201126123456789030000000000000000000000
NY090088000000030000000800000000001428049201126201126201126000000000000000000000
NY000089000000030000001000000000001428049201126000000000000000000000000000000000
"""


@dataclass(frozen=True)
class OcrTransaction:
    """`minor` is signed: below zero it is written with the sign `-`, but for card terminals."""

    minor: int
    kid: str
    kind: int = 10
    settled: date = date(2026, 11, 20)
    reference: int = 0
    payer: str = "0" * 11
    lump_sum: int = 1
    text: str | None = None

    def records(self, number: int) -> list[str]:
        head = f"NY09{self.kind:02}"
        sign = "-" if self.minor < 0 else "0"
        settlement = f"{_day(self.settled)}01{self.settled.day:02}1{self.lump_sum:05}"
        records = [
            f"{head}30{number:07}{settlement}{sign}{abs(self.minor):017}{self.kid:>25}000000",
            f"{head}31{number:07}{0:010}{self.reference:09}{0:07}{_day(self.settled)}{self.payer}{0:022}",
        ]
        if self.text is not None:
            records.append(f"{head}32{number:07}{self.text:<40}{0:025}")
        return records


@dataclass(frozen=True)
class OcrAssignment:
    transactions: Sequence[OcrTransaction]
    account: str = ACCOUNT
    number: int = 1

    @property
    def minor(self) -> int:
        return sum(transaction.minor for transaction in self.transactions)

    def records(self) -> list[str]:
        body = [r for n, t in enumerate(self.transactions, start=1) for r in t.records(n)]
        days = sorted(transaction.settled for transaction in self.transactions)
        first, last = (_day(days[0]), _day(days[-1])) if days else ("000000", "000000")
        return [
            f"NY090020{1234567:09}{self.number:07}{self.account}{0:045}",
            *body,
            f"NY090088{len(self.transactions):08}{len(body) + 2:08}{self.minor:017}201126{first}{last}{0:021}",
        ]


@dataclass(frozen=True)
class Foreign:
    """An assignment of another service, as lines; `transactions` and `minor` are its part of the totals."""

    lines: Sequence[str]
    transactions: int
    minor: int

    def records(self) -> list[str]:
        return list(self.lines)


@dataclass(frozen=True)
class OcrFile:
    assignments: Sequence[OcrAssignment | Foreign]
    number: int = 777
    newline: str = "\n"
    made: date = field(default=date(2026, 11, 20))

    def lines(self) -> list[str]:
        body = [record for assignment in self.assignments for record in assignment.records()]
        count = sum(
            assignment.transactions if isinstance(assignment, Foreign) else len(assignment.transactions)
            for assignment in self.assignments
        )
        minor = sum(assignment.minor for assignment in self.assignments)
        return [
            f"NY00001000008080{self.number:07}{123456:08}{0:049}",
            *body,
            f"NY000089{count:08}{len(body) + 2:08}{minor:017}{_day(self.made)}{0:033}",
        ]

    def render(self) -> bytes:
        return joined(self.lines(), self.newline)


def joined(lines: Iterable[str], newline: str = "\n") -> bytes:
    return "".join(line + newline for line in lines).encode("iso-8859-1")


def _day(day: date) -> str:
    return f"{day:%d%m%y}"


# --- camt.054 -------------------------------------------------------------------------------------

CAMT_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.054.001."


@dataclass(frozen=True)
class CamtTransaction:
    """`amount` in the entry's currency. `detail` is any further XML of TxDtls, after the amount."""

    amount: str
    kid: str = ""
    text: tuple[str, ...] = ()
    payer: str = ""
    payer_account: str = ""
    reference: str = ""
    strd: str = ""
    currency: str = "NOK"
    detail: str = ""

    def render(self, version: str) -> str:
        amount = f'<Amt Ccy="{self.currency}">{self.amount}</Amt>'
        if version == "02":
            amount = f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>"
        else:
            amount += "<CdtDbtInd>CRDT</CdtDbtInd>"
        return (
            f"<TxDtls><Refs>{_if('AcctSvcrRef', self.reference)}<EndToEndId>NOTPROVIDED</EndToEndId></Refs>{amount}"
            f"{self._parties(version)}{self._remittance()}{self.detail}</TxDtls>"
        )

    def _parties(self, version: str) -> str:
        name = _if("Nm", self.payer)
        party = name if version == "02" else f"<Pty>{name}</Pty>"
        account = f"<DbtrAcct><Id><Othr><Id>{self.payer_account}</Id></Othr></Id></DbtrAcct>"
        parties = (f"<Dbtr>{party}</Dbtr>" if name else "") + (account if self.payer_account else "")
        return f"<RltdPties>{parties}</RltdPties>" if parties else ""

    def _remittance(self) -> str:
        strd = self.strd + (f"<Strd>{scor(self.kid)}</Strd>" if self.kid else "")
        inner = "".join(f"<Ustrd>{line}</Ustrd>" for line in self.text) + strd
        return f"<RmtInf>{inner}</RmtInf>" if inner else ""


@dataclass(frozen=True)
class CamtEntry:
    transactions: Sequence[CamtTransaction]
    amount: str = ""
    indicator: str = "CRDT"
    status: str = "BOOK"
    booked: str = "<Dt>2026-11-20</Dt>"
    reference: str = ""
    batch: str = ""
    currency: str = "NOK"
    more: str = ""
    code: str = "VCOM"

    @property
    def total(self) -> Decimal:
        return Decimal(self.amount or sum(Decimal(t.amount) for t in self.transactions))

    def render(self, version: str) -> str:
        status = self.status if version == "02" else f"<Cd>{self.status}</Cd>"
        batch = f"<Btch><NbOfTxs>{self.batch}</NbOfTxs></Btch>" if self.batch else ""
        details = batch + "".join(transaction.render(version) for transaction in self.transactions)
        return (
            f'<Ntry><NtryRef>1</NtryRef><Amt Ccy="{self.currency}">{self.total}</Amt>'
            f"<CdtDbtInd>{self.indicator}</CdtDbtInd>{self.more}<Sts>{status}</Sts><BookgDt>{self.booked}</BookgDt>"
            f"{_if('AcctSvcrRef', self.reference)}<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd>"
            f"<SubFmlyCd>{self.code}</SubFmlyCd></Fmly></Domn></BkTxCd>"
            + (f"<NtryDtls>\n{details}\n</NtryDtls>" if details else "")
            + "</Ntry>\n"
        )


@dataclass(frozen=True)
class CamtFile:
    entries: Sequence[CamtEntry]
    version: str = "02"
    message: str = "TEST-NO-20261120-0001"
    account: str = f"<Othr><Id>{ACCOUNT}</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr>"
    currency: str = "NOK"
    copy: str = ""
    summary: str | None = None
    prolog: str = '<?xml version="1.0" encoding="UTF-8"?>\n'

    def text(self) -> str:
        summary = self._summary() if self.summary is None else self.summary
        return (
            f'{self.prolog}<Document xmlns="{CAMT_NAMESPACE}{self.version}"><BkToCstmrDbtCdtNtfctn>\n'
            f"<GrpHdr><MsgId>{self.message}</MsgId><CreDtTm>2026-11-20T17:31:04+01:00</CreDtTm></GrpHdr>\n"
            f"<Ntfctn><Id>1</Id><CreDtTm>2026-11-20T17:31:04+01:00</CreDtTm>{_if('CpyDplctInd', self.copy)}"
            f"<Acct><Id>{self.account}</Id>{_if('Ccy', self.currency)}</Acct>{summary}\n"
            + "".join(entry.render(self.version) for entry in self.entries)
            + "</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>\n"
        )

    def render(self) -> bytes:
        return self.text().encode("utf-8")

    def _summary(self) -> str:
        signed = [entry.total if entry.indicator == "CRDT" else -entry.total for entry in self.entries]
        net = sum(signed, Decimal(0))
        gross = sum((abs(amount) for amount in signed), Decimal(0))
        amount, indicator = abs(net), f"<CdtDbtInd>{'CRDT' if net >= 0 else 'DBIT'}</CdtDbtInd>"
        stated = (
            f"<TtlNetNtryAmt>{amount}</TtlNetNtryAmt>{indicator}"
            if self.version == "02"
            else f"<TtlNetNtry><Amt>{amount}</Amt>{indicator}</TtlNetNtry>"
        )
        total = f"<NbOfNtries>{len(signed)}</NbOfNtries><Sum>{gross}</Sum>{stated}"
        return f"<TxsSummry><TtlNtries>{total}</TtlNtries></TxsSummry>"


def scor(reference: str, issuer: str = "") -> str:
    """A structured creditor reference: a KID unless ISO issued it."""
    kind = f"<Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry>{_if('Issr', issuer)}</Tp>"
    return f"<CdtrRefInf>{kind}<Ref>{reference}</Ref></CdtrRefInf>"


def _if(name: str, value: str) -> str:
    return f"<{name}>{value}</{name}>" if value else ""


# --- ledger feed ----------------------------------------------------------------------------------


def feed(events: Sequence[dict[str, object]], /, **header: object) -> bytes:
    """A feed with a header that fits its events, but for what `header` says otherwise."""
    sums: dict[str, Decimal] = {}
    for event in events:
        if "amount" in event and "currency" in event:
            currency = str(event["currency"])
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(str(event["amount"]))
    head: dict[str, object] = {
        "schema": "factoring-worker/ledger-feed",
        "schema_version": 1,
        "file_id": "2026-11-20-1",
        "events": len(events),
        "sums": {currency: str(total) for currency, total in sums.items()},
    }
    lines = [head | header, *events]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode("utf-8")
