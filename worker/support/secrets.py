"""The two halves of a debtor's key: the link's token and the code typed at the door. The store holds only hashes.

The token has 128 bits, so a plain hash cannot be guessed back. A code has six digits, so its hash is keyed with the
server's key and bound to its token: a stolen database gives neither.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

CODE_DIGITS = 6


def make_token() -> str:
    """A new link token: 22 characters that are safe in a URL."""
    return secrets.token_urlsafe(16)


def hash_token(token: str) -> str:
    """What the store keeps of a token: SHA-256, hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_code() -> str:
    """A new code: six digits, leading zeros count."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def code_mac(server_key: bytes, token_hash: str, code: str) -> str:
    """What the store keeps of a code: HMAC-SHA-256 under the server's key over token hash and code, hex."""
    return keyed(server_key, "code", f"{token_hash}{code}")


def keyed(server_key: bytes, purpose: str, text: str) -> str:
    """HMAC-SHA-256, hex. `purpose` keeps a value made for one use from passing in another."""
    return hmac.new(server_key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
