"""The certificate a server shows, as a browser would judge it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime


async def certificate_ends(host: str, port: int, *, trust: ssl.SSLContext | None = None) -> datetime:
    """When the server's certificate runs out. `trust`: another trust store than the machine's.

    Raises ssl.SSLCertVerificationError (not trusted, another name, run out) and OSError.
    """
    context = trust or ssl.create_default_context()
    if trust is None:
        with contextlib.suppress(ImportError):
            import certifi  # noqa: PLC0415 - as in support/http.py: slim images may lack the system's

            context.load_verify_locations(certifi.where())
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert()
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
