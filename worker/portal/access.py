"""Who may see what: the port to the links, the session after the code, and where a caller comes from."""

from __future__ import annotations

import ipaddress
import unicodedata
from datetime import datetime, timedelta
from typing import Protocol

from worker.model.link import CodeAnswer, CodeRequest, LinkView
from worker.support.secrets import CODE_DIGITS, keyed, same

SESSION = timedelta(minutes=30)
# Wrong codes on all links within an hour before somebody is told. Debtors who mistype make a handful.
GUESSING = 100


class LinkBook(Protocol):
    """The links, as the portal needs them (worker.store.links.StoreLinkBook)."""

    def find(self, *, token_hash: str, now: datetime) -> LinkView | None:
        """The link, or None. Changes nothing."""
        ...

    def try_code(self, *, link_id: int, code_mac: str, caller: str, now: datetime) -> CodeAnswer:
        """One try, counted in the database; the first right code counts as opened."""
        ...

    def request_code(self, *, link_id: int, caller: str, now: datetime) -> CodeRequest:
        """A new code is wanted: noted, counted, and sent by others to the address on file."""
        ...


def typed_code(text: str) -> str | None:
    """The six digits of what was typed or pasted (blanks and hyphens do no harm), or None when it is not a code."""
    bare = "".join(c for c in unicodedata.normalize("NFKC", text[:100]) if not c.isspace() and c not in "-–")
    return bare if len(bare) == CODE_DIGITS and bare.isascii() and bare.isdigit() else None


def page_name(server_key: bytes, *, token_hash: str) -> str:
    """What the invoice's own address ends in: neither token nor anything to guess one from, so it may be seen."""
    return keyed(server_key, "page", token_hash)[:20]


def new_session(server_key: bytes, *, token_hash: str, now: datetime) -> str:
    """The cookie's value: when it ends and the hash of the link it is for, signed."""
    ends = int((now + SESSION).timestamp())
    return f"{ends}.{token_hash}.{keyed(server_key, 'session', f'{token_hash}.{ends}')}"


def session_link(server_key: bytes, cookie: str, *, page: str, now: datetime) -> str | None:
    """The token hash of the link the cookie is for; None when it is not ours, not for this page, or over."""
    ends, _, rest = cookie.partition(".")
    token_hash, _, signature = rest.partition(".")
    if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
        return None
    right = same(signature, keyed(server_key, "session", f"{token_hash}.{ends}"))
    right &= same(page, page_name(server_key, token_hash=token_hash))
    return token_hash if right and now.timestamp() < int(ends) else None


def is_alarming(wrong_everywhere: int) -> bool:
    """Whether this wrong code is the one to tell of: the first over the limit, and at each doubling after it."""
    times, rest = divmod(wrong_everywhere, GUESSING)
    return times > 0 and rest == 0 and times.bit_count() == 1


def caller_prefix(server_key: bytes, host: str | None) -> str:
    """A keyed hash of the caller's /24 (IPv4) or /48 (IPv6): enough to count by, and no address is stored."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return keyed(server_key, "caller", "unknown")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
    return keyed(server_key, "caller", str(network))
