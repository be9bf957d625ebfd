"""Other people's words, made fit to be kept: no e-mail addresses in them, on one line, not too long."""

from __future__ import annotations

import re

_ANY_ADDRESS = re.compile(r"<?[^\s<>,;:@]{1,200}@[^\s<>,;:@]{1,200}>?")


def without_addresses(text: str) -> str:
    """The text on one line, e-mail addresses taken out, cut at 500 characters: it goes into logs and rows."""
    return _ANY_ADDRESS.sub("<address>", " ".join(text[:5000].split()))[:500]
