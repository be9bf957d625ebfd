"""Hunting an account number in text, however it is written: 1503 20 80119, 1503.20.80119, NO50 1503 2080 119.

No rule of Peppol's catches an account left behind, and a debtor pays to the number he sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_COMPACT = re.compile(r"[\W_]")
_NORWEGIAN_IBAN = re.compile(r"NO\d{2}(\d{11})")
# What people and programs put between the digits: blanks of all kinds, dots, strokes, invisible signs.
_BETWEEN = r"[\s.,:/_\-\u00ad\u200b-\u200d\u2010-\u2015\u2060]{0,3}"
_SHORTEST = 6  # fewer signs would be found by chance


def core(account: str) -> str:
    """The account in comparable form: a Norwegian one as 11 digits also when given as IBAN, others compact."""
    compact = _COMPACT.sub("", account).upper()
    norwegian = _NORWEGIAN_IBAN.fullmatch(compact)
    return norwegian[1] if norwegian else compact


class AccountHunt:
    """Looks for any of some accounts."""

    def __init__(self, accounts: Iterable[str]) -> None:
        cores = sorted({found for found in map(core, accounts) if len(found) >= _SHORTEST})
        self._patterns = [_pattern(found) for found in cores]

    @property
    def on(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._patterns)

    def stands_in(self, text: str) -> bool:
        return any(pattern.search(text) for pattern in self._patterns)


def _pattern(account: str) -> re.Pattern[str]:
    """The account not inside a longer number, but straight after an IBAN's beginning.

    What stands before it is looked at from behind the first sign: a pattern that begins with a plain sign is searched
    ten times as fast, and attachments are long.
    """
    first, *rest = map(re.escape, account)
    alone = r"(?:(?<![0-9A-Z].)|(?<=NO[0-9][0-9].))"
    return re.compile(first + alone + "".join(_BETWEEN + sign for sign in rest) + r"(?![0-9])", re.I | re.S)
