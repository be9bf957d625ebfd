"""Recognising a transaction that comes again, in the same file, a re-sent one or another.

A file's hash knows the same bytes; it does not know a file that was ordered again or overlaps another. So every
transaction has a fingerprint of what the bank cannot change from one copy to the next. Two payments may be true twins
(same day, amount and text): the occurrence counts them within a file, so both are taken, once each.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from datetime import date

from worker.model.money import Money


def fingerprint(
    *, account: str, booking_date: date, amount: Money, kid: str, text: str, payer_account: str, reference: str
) -> str:
    """SHA-256 in hex. The text counts only where there is no KID; letter case and blanks never do.

    `reference` is the bank's for the transaction, or the best it gives in its place.
    """
    parts = (
        account,
        booking_date.isoformat(),
        f"{amount.minor}{amount.currency}",
        f"kid {kid}" if kid else f"text {_normalised(text)}",
        payer_account,
        reference,
    )
    # The separator cannot stand in a part: no field of the formats may hold a control character, and blanks are joined.
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Occurrences:
    """Counts twins within one file: 1 for the first of its fingerprint, 2 for the second."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def count(self, of: str) -> int:
        self._seen[of] += 1
        return self._seen[of]


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
