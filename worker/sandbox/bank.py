"""The bank and the factor's own ledger, as they lay files in the worker's inbox: OCR giro and the ledger feed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class OcrPayment:
    """A debtor's payment with KID, in øre."""

    minor: int
    kid: str
    payer_account: str = "12345678903"


def ocr_giro(payments: Sequence[OcrPayment], *, account: str, day: date, number: int = 1) -> bytes:
    """One transmission with one assignment, as the bank's clearing house makes it (system specification OCR giro)."""
    on = f"{day:%d%m%y}"
    body: list[str] = []
    for place, payment in enumerate(payments, 1):
        body += [
            f"NY091030{place:07}{on}01{day.day:02}1{place:05}0{payment.minor:017}{payment.kid:>25}000000",
            f"NY091031{place:07}{0:010}{500000000 + place:09}{0:07}{on}{payment.payer_account}{0:022}",
        ]
    total = sum(payment.minor for payment in payments)
    lines = [
        f"NY00001000008080{number:07}{123456:08}{0:049}",
        f"NY090020{1234567:09}{number:07}{account}{0:045}",
        *body,
        f"NY090088{len(payments):08}{len(body) + 2:08}{total:017}{on}{on}{on}{0:021}",
        f"NY000089{len(payments):08}{len(body) + 4:08}{total:017}{on}{0:033}",
    ]
    return "".join(line + "\r\n" for line in lines).encode("latin-1")


def ledger_feed(events: Sequence[dict[str, object]], *, file_id: str) -> bytes:
    """The factor's events as docs/ledger-feed.md asks for them, control totals included."""
    sums: dict[str, Decimal] = {}
    for event in events:
        if "amount" in event:
            currency = str(event["currency"])
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(str(event["amount"]))
    head = {
        "schema": "factoring-worker/ledger-feed",
        "schema_version": 1,
        "file_id": file_id,
        "events": len(events),
        "sums": {currency: str(total) for currency, total in sums.items()},
    }
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [head, *events]).encode()
