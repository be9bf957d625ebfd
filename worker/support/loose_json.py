"""Reading JSON whose writers are not strict: names in any case, numbers as text, dates with times, nulls left out.

Every reader gives a plain value or says that there is none; none of them raises.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, cast
from zoneinfo import ZoneInfo

from worker.model.money import Money

_OSLO = ZoneInfo("Europe/Oslo")
_BLANK_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_MASKED = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+|(?<!\d)\d{11}(?!\d)")

Row = dict[str, Any]  # keys in lower case


def row_of(value: Any) -> Row | None:
    """An object with its keys in lower case, or None when it is not an object."""
    if not isinstance(value, dict):
        return None
    return {str(key).lower(): item for key, item in cast("dict[Any, Any]", value).items()}


def rows_of(value: Any) -> list[Row]:
    """The objects of a list; anything else is passed over."""
    if not isinstance(value, list):
        return []
    found = [row_of(item) for item in cast("list[Any]", value)]
    return [row for row in found if row is not None]


def text(value: Any) -> str:
    """Text or number as text without surrounding blanks; empty for anything else (null, true, objects)."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def number_text(value: Any) -> str:
    """A number that is a name (invoice, account), as text: `10045.0` on the wire is still 10045."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else text(value)


def whole(value: Any) -> int | None:
    """A whole number given as number or text (`10045`, `"10045"`, `10045.0`), else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return int(text(value)) if len(text(value)) < 20 else None
    except ValueError:
        return None


def money(value: Any, currency: str = "NOK") -> Money | None:
    """An amount given as a double, to the nearest hundredth: what a double cannot hold is not the books' doing."""
    try:
        amount = Decimal(text(value))
        return Money.of(amount.quantize(Decimal("0.01"), ROUND_HALF_UP), currency) if amount.is_finite() else None
    except (InvalidOperation, ValueError):
        return None


def instant(value: Any) -> datetime | None:
    """A timestamp such as `2025-11-04T09:57:29 +00:00` (blank before the offset). Without an offset: UTC."""
    raw = _BLANK_BEFORE_OFFSET.sub("", text(value))
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def day(value: Any) -> date | None:
    """A date, or the Norwegian date of a timestamp with an offset (midnight in Oslo is 22:00 or 23:00 UTC)."""
    raw = _BLANK_BEFORE_OFFSET.sub("", text(value))
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return (moment.astimezone(_OSLO) if moment.tzinfo else moment).date()


def mask(words: str) -> str:
    """Words of theirs without e-mail addresses and eleven-digit numbers (personal numbers, accounts)."""
    return _MASKED.sub("***", words)
