"""What the banks' eFaktura takes, whoever the person is. Asked when the channel is chosen and again before sending."""

from __future__ import annotations

from datetime import date

# MPS' rules as PowerOffice publishes them ("Regler ved fakturering"): days from sending to the due date, NOK only.
FEWEST_DAYS, MOST_DAYS = 3, 365


def why_not(*, currency: str, due_date: date | None, is_credit: bool, today: date) -> str | None:
    """Why eFaktura does not take an invoice sent on `today` (Oslo); None when it does. Days are calendar days."""
    if is_credit:
        return "credits do not go as eFaktura"
    if currency != "NOK":
        return f"eFaktura takes NOK only, this is {currency or 'without currency'}"
    if due_date is None:
        return "eFaktura needs a due date"
    days = (due_date - today).days
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        return f"eFaktura needs a due date {FEWEST_DAYS} to {MOST_DAYS} days after sending, this is {days}"
    return None
