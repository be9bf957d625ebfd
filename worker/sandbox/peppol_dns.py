"""The Peppol name server (SML): NAPTR over UDP for registered participants, NXDOMAIN for the others.

Name: base32(sha256(lower-cased value)) . iso6523-actorid-upis . zone; record: flag U, service Meta:SMP, a regexp with
the SMP's https address (Peppol SML U-NAPTR). That address has a host name as in the real network, so on one machine the
worker overrides host and port by setting.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from worker.sandbox import magic
from worker.sandbox.world import World

SMP_BASE = "https://smp.sandbox.test/"
_SCHEME = "iso6523-actorid-upis"


class PeppolNameServer(asyncio.DatagramProtocol):
    """Answers for one zone; REFUSED for anything else, as an authoritative server does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._zone = dns.name.from_text(world.dns_zone)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return
        reply = self._reply(query)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply.to_wire(), addr)

    def _reply(self, query: dns.message.Message) -> dns.message.Message | None:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        name = query.question[0].name
        if not name.is_subdomain(self._zone):
            reply.set_rcode(dns.rcode.REFUSED)
            return reply
        labels = [label.decode("ascii", "replace").lower() for label in name.relativize(self._zone).labels]
        participant = self._world.participant_of_label(labels[0]) if len(labels) == 2 and labels[1] == _SCHEME else None
        if participant is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply
        number = participant.rpartition(":")[2]
        if number == magic.DNS_TIMEOUT:
            return None
        if number == magic.DNS_SERVFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif number != magic.DNS_EMPTY and query.question[0].rdtype == dns.rdatatype.NAPTR:
            service = "Meta:CERT" if number == magic.DNS_OTHER_SERVICE else "Meta:SMP"
            record = f'100 10 "U" "{service}" "!.*!{SMP_BASE}!" .'
            reply.answer.append(dns.rrset.from_text(name, 60, dns.rdataclass.IN, dns.rdatatype.NAPTR, record))
        return reply
