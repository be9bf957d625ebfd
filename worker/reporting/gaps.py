"""Numbers nobody has mentioned: a hint, since the ERP may hold invoices that were never given to the factor. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

MOST = 20  # ranges told
LONGEST = 200  # a wider hole is another number series, or another year's


def missing_numbers(numbers: Iterable[str]) -> tuple[str, ...]:
    """The holes between the numbers, as `5003` or `5003-5005`, lowest first; the last one may say how many more.

    What is no number is passed over, as is a hole of more than LONGEST numbers.
    """
    known = sorted({int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 19})
    holes = [(low + 1, high - 1) for low, high in pairwise(known) if 1 < high - low <= LONGEST + 1]
    told = [str(first) if first == last else f"{first}-{last}" for first, last in holes[:MOST]]
    return (*told, f"{len(holes) - MOST} more") if len(holes) > MOST else tuple(told)
