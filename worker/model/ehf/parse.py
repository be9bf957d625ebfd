"""Bytes of unknown origin → an XML tree, or a refusal that says what the bytes look like.

Every document is hostile until read: no DTD, no entities, no network, a cap on size, a short list of encodings.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any, Final
from xml.parsers import expat

from worker.model.ehf.ids import (
    CBC,
    CUSTOMIZATION_ID,
    PROFILE_ID,
    REMINDER_CUSTOMIZATION,
    REMINDER_PROFILE,
    ROOTS,
    SELF_BILLING_CUSTOMIZATION,
)
from worker.model.parked import ParkedReason

MAX_BYTES: Final = 20_000_000
# libxml2 guards against blow-up by itself below this; only larger documents (long attachments) lift its limits.
_GUARDED_BYTES: Final = 9_000_000
# Others are not used for EHF, and some (UTF-7) are read differently by different parsers.
_ENCODINGS: Final = frozenset({
    "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252",
})  # fmt: skip
_HTML: Final = re.compile(rb"(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_SIGNATURE_NAMESPACES: Final = (
    "http://www.w3.org/2000/09/xmldsig#",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonSignatureComponents-2",
)

# lxml ships no types. It comes in here and nowhere else, so that the rest of the program is checked strictly.
etree: Any = import_module("lxml.etree")
XmlElement = Any


class DocumentError(ValueError):
    """The document cannot be taken in. `reason` is what it is parked under; the message holds element names at most,
    never content."""

    def __init__(self, reason: ParkedReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def unreadable(message: str) -> DocumentError:
    return DocumentError(ParkedReason.DOCUMENT_UNREADABLE, message)


def parse(content: bytes, *, keep_everything: bool = False) -> XmlElement:
    """The root element of a BIS Billing 3 invoice or credit note, unsigned.

    `keep_everything` keeps comments, processing instructions and CDATA sections, for writing the document again;
    without it they are gone, so that text is never cut in two by a comment.
    Raises DocumentError.
    """
    if len(content) > MAX_BYTES:
        raise unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
    _refuse_other_formats(content)
    _read_prolog(content)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=len(content) > _GUARDED_BYTES,
        remove_comments=not keep_everything,
        remove_pis=not keep_everything,
        strip_cdata=not keep_everything,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise unreadable(f"broken XML at line {error.lineno or 1}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise DocumentError(ParkedReason.DOCUMENT_HAS_DTD, "the XML has a DOCTYPE")
    _refuse_other_documents(root)
    _refuse_signed(root)
    return root


def text_of(element: XmlElement | None) -> str:
    """The text of an element without surrounding blanks; empty when there is no element."""
    return "" if element is None else (element.text or "").strip()


def _refuse_other_formats(content: bytes) -> None:
    start = content[:2000].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise unreadable("empty")
    if start.startswith(b"%PDF"):
        raise unreadable("looks like PDF")
    if _HTML.match(start):
        raise unreadable("looks like HTML")
    if start[:1] in (b"{", b"[", b'"') or start[:4] in (b"null", b"true"):
        try:
            json.loads(content)
        except ValueError:
            raise unreadable("looks like broken JSON") from None
        raise unreadable("looks like JSON")


class _RootReached(Exception):
    """Nothing of the prolog is left."""


def _read_prolog(content: bytes) -> None:
    """Refuse a DOCTYPE before the tree parser meets it: an entity bomb must not even be declared.

    expat hands over the beginning of a DOCTYPE before it reads any declaration in it, and we stop there.
    """

    def doctype(name: str, *_: object) -> None:
        if name.lower() == "html":
            raise unreadable("looks like HTML")
        raise DocumentError(ParkedReason.DOCUMENT_HAS_DTD, "the XML has a DOCTYPE")

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in _ENCODINGS:
            raise unreadable("an encoding other than UTF-8, UTF-16 or Latin")

    def root(name: str, *_: object) -> None:
        if name.lower() == "html":
            raise unreadable("looks like HTML")
        raise _RootReached

    prolog = expat.ParserCreate()
    prolog.StartDoctypeDeclHandler = doctype
    prolog.XmlDeclHandler = declaration
    prolog.StartElementHandler = root
    try:
        prolog.Parse(content, True)
    except _RootReached:
        return
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise unreadable("not XML") from None
    raise unreadable("not XML")


def _refuse_other_documents(root: XmlElement) -> None:
    unknown = ParkedReason.DOCUMENT_TYPE_UNKNOWN
    if root.tag not in ROOTS:
        name = re.sub(r"[^A-Za-z0-9]", "", str(root.tag).rpartition("}")[2])[:40]
        raise DocumentError(unknown, f"the root element is {name}, not a UBL Invoice or CreditNote")
    stated = {
        name: [str(element.xpath("string()")).strip() for element in root.findall(f"{{{CBC}}}{name}")]
        for name in ("CustomizationID", "ProfileID")
    }
    customizations, profiles = stated["CustomizationID"], stated["ProfileID"]
    if any(REMINDER_CUSTOMIZATION in text for text in customizations) or any(
        text.startswith(REMINDER_PROFILE) for text in profiles
    ):
        raise DocumentError(ParkedReason.DOCUMENT_IS_REMINDER, "an EHF reminder, by its CustomizationID or ProfileID")
    if any(SELF_BILLING_CUSTOMIZATION in text for text in customizations):
        raise DocumentError(unknown, "CustomizationID is that of self-billing")
    for name, ours in (("CustomizationID", CUSTOMIZATION_ID), ("ProfileID", PROFILE_ID)):
        if stated[name] != [ours]:
            raise DocumentError(unknown, f"{name} is not that of Peppol BIS Billing 3.0")


def _refuse_signed(root: XmlElement) -> None:
    names = [f"{{{namespace}}}*" for namespace in _SIGNATURE_NAMESPACES]
    if next(root.iter(*names, "{*}Signature"), None) is not None:
        raise DocumentError(ParkedReason.DOCUMENT_SIGNED, "the XML carries a signature")
