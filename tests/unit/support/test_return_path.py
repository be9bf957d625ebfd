"""Return paths: found again as written, also in capitals, and not to be made by anybody else."""

from __future__ import annotations

import uuid

import pytest

from worker.support.return_path import LONGEST_LOCAL_PART, Forged, key_in, return_path

SERVER_KEY = b"0123456789abcdef0123456789abcdef"
BOUNCES = "bounce@factoring.example"
KEY = str(uuid.UUID(int=0x0B5C2F4E8A7D5A519F0E3D2F5E6A7B8C))


def read(address: str, *, server_key: bytes = SERVER_KEY) -> str | None:
    return key_in(address, bounce_address=BOUNCES, server_key=server_key)


def test_found_again() -> None:
    address = return_path(BOUNCES, key=KEY, server_key=SERVER_KEY)
    assert read(address) == KEY
    assert read(f" {address.upper()} ") == KEY
    local, _, domain = address.partition("@")
    assert (local[:7], domain) == ("bounce+", "factoring.example")
    assert address == return_path(BOUNCES, key=KEY, server_key=SERVER_KEY), "the same on every try"
    assert KEY[:8] not in address


def test_it_fits_the_longest_local_part() -> None:
    address = return_path(f"{'b' * LONGEST_LOCAL_PART}@factoring.example", key=KEY, server_key=SERVER_KEY)
    assert len(address.partition("@")[0]) == 64


@pytest.mark.parametrize("address", ["kari@debitor.example", BOUNCES, "bounce+x@other.example", "", "@", "bounce+"])
def test_other_addresses_are_none(address: str) -> None:
    assert read(address) is None


def test_nobody_else_can_make_one() -> None:
    address = return_path(BOUNCES, key=KEY, server_key=SERVER_KEY)
    local, _, domain = address.partition("@")
    other = return_path(BOUNCES, key=str(uuid.UUID(int=1)), server_key=SERVER_KEY).partition("@")[0]
    swapped = local[:33] + other[33:]
    forged = [f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}", local[:-3], local + "a", "bounce+", "bounce+æ",
              "bounce+" + "a" * 1000, swapped]  # fmt: skip
    for one in forged:
        with pytest.raises(Forged) as caught:
            read(f"{one}@{domain}")
        assert "+" not in str(caught.value)
    with pytest.raises(Forged):
        read(address, server_key=b"another key, another factor's 32")


def test_what_is_no_key_makes_no_address() -> None:
    with pytest.raises(ValueError, match="UUID"):
        return_path(BOUNCES, key="5001\r\nRCPT TO:<x@y>", server_key=SERVER_KEY)
