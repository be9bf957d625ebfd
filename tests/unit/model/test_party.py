"""E-mail addresses as people write them on a customer card."""

from __future__ import annotations

import pytest

from worker.model.party import MOST_ADDRESSES, all_email_addresses, email_addresses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kari@debitor.example", ["kari@debitor.example"]),
        ("kari@debitor.example;ola@debitor.example", ["kari@debitor.example", "ola@debitor.example"]),
        (" kari@debitor.example , ola@debitor.example;", ["kari@debitor.example", "ola@debitor.example"]),
        ("Kari@debitor.example; kari@DEBITOR.example", ["Kari@debitor.example"]),
        ("kari(at)debitor.example; ola@debitor.example", ["ola@debitor.example"]),
        ("kari@debitor.example\r\nBcc: x@y.example", []),
        ("", []),
        (None, []),
    ],
)
def test_each_address_once_in_order(text: str | None, found: list[str]) -> None:
    assert list(email_addresses(text)) == found


def test_the_first_ten() -> None:
    text = "; ".join(f"p{number}@debitor.example" for number in range(12))
    assert email_addresses(text) == all_email_addresses(text)[:MOST_ADDRESSES]
    assert len(email_addresses(text)) == 10
    assert len(all_email_addresses(text)) == 12
