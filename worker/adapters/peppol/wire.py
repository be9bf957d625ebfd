"""Peppol look-up on the wire: names in the SML zone, NAPTR records, the SMP's addresses and ServiceGroup.

Everything read here is written by third parties. Sources: OpenPeppol SML (U-NAPTR, SHA-256, Base32, since 2026-02),
Peppol SMP 1.x (ServiceGroup).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import quote, unquote, urlsplit

etree: Any = import_module("lxml.etree")  # lxml ships no types

IDENTIFIER_SCHEME = "iso6523-actorid-upis"
_PARTICIPANT = re.compile(r"[0-9]{4}:[0-9A-Za-z._-]{1,50}")
_HOST = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%-]+)*/?")


class Malformed(ValueError):
    """What came back is not what it should be. The text is ours and safe to keep."""


@dataclass(frozen=True, slots=True)
class Naptr:
    """The parts of a NAPTR record (RFC 3403) that matter here."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str


@dataclass(frozen=True, slots=True)
class SmpAddress:
    """Where an SMP is: an https host on port 443 and the path below which it answers (no trailing slash)."""

    host: str
    path: str

    def service_group(self, participant: str, *, origin: str = "") -> str:
        """The ServiceGroup's address; `origin` (`http://127.0.0.1:8080`) stands in for scheme, host and port."""
        identifier = quote(f"{IDENTIFIER_SCHEME}::{participant}", safe="")
        return f"{origin.rstrip('/') or f'https://{self.host}'}{self.path}/{identifier}"


def is_participant(text: str) -> bool:
    """Whether it reads like `0192:986252932`."""
    return _PARTICIPANT.fullmatch(text) is not None


def sml_name(participant: str, zone: str) -> str:
    """The participant's name in the SML zone, absolute.

    Only the value is hashed, in lower case and without its identifier scheme; the label is Base32 without padding.
    """
    digest = hashlib.sha256(participant.lower().encode()).digest()
    label = base64.b32encode(digest).decode("ascii").rstrip("=").lower()
    return f"{label}.{IDENTIFIER_SCHEME}.{zone.strip('.')}."


def smp_record(records: Iterable[Naptr]) -> Naptr | None:
    """The `Meta:SMP` record that counts (lowest order, then preference) among terminal `U` records, or None."""
    fitting = [r for r in records if r.service.lower() == "meta:smp" and r.flags.upper() == "U"]
    return min(fitting, key=lambda r: (r.order, r.preference), default=None)


def smp_address(record: Naptr) -> SmpAddress:
    """The address in the record's regexp (`!.*!https://smp.example/path!`), when it is one we are willing to call.

    https, port 443 or none, a host name that is no IP address, no user, query or fragment. Raises Malformed.
    """
    parts = record.regexp[1:].split(record.regexp[:1] or "!")
    if len(parts) != 3 or parts[0] not in (".*", "^.*$") or parts[2] not in ("", "i"):
        raise Malformed("the NAPTR record's regexp has an unknown form")
    try:
        url = urlsplit(parts[1])
        host, port = (url.hostname or "").lower(), url.port
    except ValueError:
        raise Malformed("the SMP address is not an address") from None
    if url.scheme != "https" or port not in (None, 443):
        raise Malformed("the SMP address is not https on port 443")
    if url.username is not None or url.password is not None or "?" in parts[1] or "#" in parts[1]:
        raise Malformed("the SMP address has a user, a query or a fragment")
    if not _HOST.fullmatch(host):
        raise Malformed("the SMP address has no proper host name")
    if not _PATH.fullmatch(url.path) or ".." in unquote(url.path).split("/"):
        raise Malformed("the SMP address has an improper path")
    return SmpAddress(host, url.path.rstrip("/"))


def service_group(content: bytes, *, participant: str) -> tuple[frozenset[str], int]:
    """The document type ids the participant receives, and how many references could not be read.

    Raises Malformed when it is not its ServiceGroup: one that names nobody, or has no list, is none. Elements are told
    by local name: SMPs use different prefixes, and some another namespace.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed("the SMP's answer is not XML") from None
    if root is None or root.getroottree().docinfo.doctype:
        raise Malformed("the SMP's answer has a DTD")
    if _local(root) != "ServiceGroup":
        raise Malformed("the SMP's answer is not a ServiceGroup")
    elements = [(_local(element), element) for element in root.iter(etree.Element)]
    who = {(element.text or "").strip().lower() for name, element in elements if name == "ParticipantIdentifier"}
    if who != {participant.lower()}:
        raise Malformed("the SMP's answer is about somebody else" if who else "the SMP's answer names nobody")
    if not any(name == "ServiceMetadataReferenceCollection" for name, _ in elements):
        raise Malformed("the SMP's answer has no list of document types")
    types: set[str] = set()
    unread = 0
    for element in (element for name, element in elements if name == "ServiceMetadataReference"):
        _, found, identifier = str(element.get("href") or "").rpartition("/services/")
        if found and identifier:
            types.add(unquote(identifier))
        else:
            unread += 1
    return frozenset(types), unread


def _local(element: Any) -> str:
    return str(etree.QName(element).localname)
