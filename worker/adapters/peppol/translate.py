"""What the look-up's findings mean: yes, no, or unknown (which is never turned into a no). Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from worker.adapters.peppol import wire
from worker.model.channel import Reach
from worker.support.http import HttpResponse


class NotNow(Exception):
    """The answer cannot be had: reach unknown. The text is evidence."""


def judged(response: HttpResponse, *, participant: str, document_type: str) -> tuple[Reach, str]:
    """Answer and evidence from the SMP's response to the ServiceGroup request. Raises NotNow for an unknown.

    Only a 404 is a no about the participant; document types are compared exactly (a reminder's id begins with the
    invoice's, and wildcards belong to another standard).
    """
    if response.status == 404:
        return Reach.NO, "SMP: 404, the participant is not registered there"
    if response.status != 200:
        raise NotNow(f"SMP: HTTP {response.status}")
    try:
        types, unread = wire.service_group(response.content, participant=participant)
    except wire.Malformed as error:
        raise NotNow(f"SMP: {error} ({response.described()})") from None
    if document_type in types:
        return Reach.YES, f"SMP: the document type is one of {len(types)} registered"
    if unread:
        raise NotNow(f"SMP: {unread} document types could not be read")
    return Reach.NO, f"SMP: the document type is not among the {len(types)} registered"


def public_addresses(addresses: Iterable[str]) -> list[str]:
    """The addresses, IPv4 first, when every one is on the public internet. Raises NotNow: the name is somebody else's
    to set, and must not lead us into our own network."""
    found = list(dict.fromkeys(addresses))
    if not found:
        raise NotNow("the SMP's host has no address")
    if not all(is_public(address) for address in found):
        raise NotNow("the SMP's host has an address that is not public")
    return sorted(found, key=lambda address: ipaddress.ip_address(address).version)


def is_public(address: str) -> bool:
    """Whether the IP address is on the public internet, also seen through IPv6 forms that carry an IPv4 address."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _UNICAST_6:
            return False
    special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _SPECIAL)
    return ip.is_global and not special


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")  # what IANA has given out; all else is special
# What Python (3.11) takes for public. The first two are clouds' doors to a machine's own keys, Azure's and Oracle's;
# other clouds' are link-local or private. The rest is IANA's: old 6to4 relays, addresses for examples.
_SPECIAL = tuple(
    ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20")
)
