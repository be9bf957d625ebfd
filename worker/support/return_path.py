"""The address a mail's bounce comes back to: one for each mail, signed, so that nobody can make up a bounce of another.

`bounce@factor.example` becomes `bounce+<key><signature>@factor.example`: 26 characters for the mail's key, 16 for 80
bits of its HMAC, both in base 32 since some mail servers change capitals. The key is our own random-looking id, so the
address tells a stranger nothing.
"""

from __future__ import annotations

import uuid
from base64 import b32decode, b32encode

from worker.support.secrets import keyed, same

TOKEN_LENGTH = 26 + 16
LONGEST_LOCAL_PART = 64 - 1 - TOKEN_LENGTH  # RFC 5321 §4.5.3.1.1: 64 octets in all


class Forged(ValueError):
    """The address is made like ours, but we have not made it. Holds nothing of it."""


def return_path(bounce_address: str, *, key: str, server_key: bytes) -> str:
    """The envelope sender of the mail with this key (a UUID). Raises ValueError for another kind of key."""
    local, _, domain = bounce_address.rpartition("@")
    return f"{local}+{_token(uuid.UUID(key), server_key)}@{domain}"


def key_in(address: str, *, bounce_address: str, server_key: bytes) -> str | None:
    """The key of the mail that comes back to `address`; None when the address is no return path of this house at all.

    Raises Forged when it has the form of one and the signature is wrong.
    """
    local, _, domain = bounce_address.lower().rpartition("@")
    its_local, _, its_domain = address.strip().lower().rpartition("@")
    if its_domain != domain or not its_local.startswith(f"{local}+"):
        return None
    token = its_local.removeprefix(f"{local}+")
    try:
        key = uuid.UUID(bytes=b32decode(token[:26].upper() + "======"))
    except ValueError:
        raise Forged("a return path that is not one of ours") from None
    if not same(token, _token(key, server_key)):
        raise Forged("a return path with a wrong signature")
    return str(key)


def _token(key: uuid.UUID, server_key: bytes) -> str:
    signature = bytes.fromhex(keyed(server_key, "return path", str(key)))[:10]
    return (b32encode(key.bytes).rstrip(b"=") + b32encode(signature)).decode().lower()
