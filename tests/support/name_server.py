"""A name server on a real socket, written down as a table, and the Peppol look-up asking it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import dns.message
import dns.rcode
import dns.rrset

from worker.adapters.peppol import PeppolLookup
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS
from worker.support.http import HttpClient

ZONE = "participant.sml.example"
WHO = "0192:986252932"
NAME = f"jgpa45e5tp5qnma3c3xuxv6v4ze4lhdyw6al2hzyu3nrlufx3d3a.iso6523-actorid-upis.{ZONE}."
SMP = '100 10 "U" "Meta:SMP" "!.*!https://smp.example/!" .'
GROUP = (
    '<ns2:ServiceGroup xmlns:ns2="http://busdox.org/serviceMetadata/publishing/1.0/">'
    f"<ParticipantIdentifier>{WHO}</ParticipantIdentifier><ns2:ServiceMetadataReferenceCollection>"
    '<ns2:ServiceMetadataReference href="https://smp.example/iso6523-actorid-upis%3A%3A0192%3A986252932/services/'
    f'{quote(DOCUMENT_TYPE_IDS[Kind.INVOICE], safe="")}"/></ns2:ServiceMetadataReferenceCollection></ns2:ServiceGroup>'
).encode()

Zone = dict[tuple[str, str], list[str]]
REACHABLE: Zone = {(NAME, "NAPTR"): [SMP], ("smp.example.", "A"): ["193.69.12.1"]}


class NameServer(asyncio.DatagramProtocol):
    """Answers from a table of (name, type) to record texts; NXDOMAIN for names it has not, with the zone's SOA when it
    has one. `rcode` overrides. A type asked for again gets `later` when that has it."""

    def __init__(self, zone: Zone, rcode: dns.rcode.Rcode | None, later: Zone | None = None) -> None:
        self.zone, self.rcode, self.later = zone, rcode, later or {}
        self.asked: list[str] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), question.rdtype.name
        zone = self.later if f"{kind} {name}" in self.asked and (name, kind) in self.later else self.zone
        self.asked.append(f"{kind} {name}")
        reply = dns.message.make_response(query)
        if self.rcode is not None:
            reply.set_rcode(self.rcode)
        elif not any(known == name for known, _ in zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
            if soa := zone.get((f"{ZONE}.", "SOA")):
                reply.authority.append(dns.rrset.from_text(f"{ZONE}.", 7200, "IN", "SOA", *soa))
        elif records := zone.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        self.transport.sendto(reply.to_wire(), addr)


@contextlib.asynccontextmanager
async def looking_up(
    zone: Zone,
    *,
    rcode: dns.rcode.Rcode | None = None,
    later: Zone | None = None,
    override: str | None = None,
    http: HttpClient | None = None,
    total_seconds: float = 20.0,
) -> AsyncGenerator[tuple[PeppolLookup, NameServer]]:
    """The look-up over that zone. It waits for nothing between its tries."""
    server = NameServer(zone, rcode, later)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )

    async def at_once(_seconds: float) -> None:
        return

    address = transport.get_extra_info("sockname")
    peppol = PeppolLookup(
        http=http or HttpClient(),
        zone=ZONE,
        dns_server=(address[0], address[1]),
        smp_override=override,
        dns_seconds=1.0,
        total_seconds=total_seconds,
        sleep=at_once,
    )
    try:
        yield peppol, server
    finally:
        await peppol.aclose()
        transport.close()
