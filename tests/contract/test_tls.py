"""The certificate a server shows, on a real socket."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract import test_mail
from worker.support.tls import certificate_ends

pytestmark = pytest.mark.anyio
certificate = test_mail.certificate


async def test_when_a_certificate_ends_and_one_that_is_not_trusted(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server_tls, client_tls = certificate
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server_tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ends = await certificate_ends("127.0.0.1", port, trust=client_tls)
        assert timedelta(hours=23) < ends - datetime.now(UTC) < timedelta(days=1, minutes=1)
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate_ends("127.0.0.1", port)
