"""Reading XML of unknown origin piece by piece: no DTD, no entities, no network, and never the whole tree in memory."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from typing import Any, Final
from xml.parsers import expat

from worker.model.settlement import FileRefused

# lxml ships no types: it comes in as Any, so that the rest is checked strictly.
etree: Any = import_module("lxml.etree")
XmlElement = Any

# Others are not used by banks, and some (UTF-7) are read differently by different parsers.
_ENCODINGS: Final = frozenset({"utf-8", "utf8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
_DOCTYPE: Final = "the XML has a DOCTYPE, which no bank sends and which is never read"


class _RootReached(Exception):
    """Nothing of the prolog is left."""


def root_name(content: bytes) -> str:
    """`namespace name` of the root element, read without what follows; a DOCTYPE is refused before any of it is read.

    Raises FileRefused.
    """
    name = ""

    def doctype(*_: object) -> None:
        raise FileRefused(_DOCTYPE)

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in _ENCODINGS:
            raise FileRefused("the XML is in another encoding than UTF-8 or Latin", line="1")

    def root(found: str, *_: object) -> None:
        nonlocal name
        name = found
        raise _RootReached

    prolog = expat.ParserCreate(namespace_separator=" ")
    prolog.StartDoctypeDeclHandler = doctype
    prolog.XmlDeclHandler = declaration
    prolog.StartElementHandler = root
    try:
        prolog.Parse(content, True)
    except _RootReached:
        return name
    except FileRefused:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise FileRefused("the file is not XML, though it begins like it", line=_line(error)) from None
    raise FileRefused("the XML has no root element")


def elements(content: bytes, tags: tuple[str, ...]) -> Iterator[XmlElement]:
    """Each element of `tags` as it ends, children whole. Once the next is asked for, it is emptied.

    Raises FileRefused where the XML is broken, cut short, or built to exhaust the reader (libxml2's own limits).
    """
    stream = etree.iterparse(
        BytesIO(content),
        events=("end",),
        tag=tags,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        resolve_entities=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for number, (_, element) in enumerate(stream):
            # root_name has refused it already, unless the two parsers should ever differ on a prolog.
            if number == 0 and element.getroottree().docinfo.internalDTD is not None:
                raise FileRefused(_DOCTYPE)
            yield element
            # The last of a row stays, emptied: libxml2 still stands on it.
            before = element.getprevious()
            if before is not None and before.tag == element.tag:
                element.getparent().remove(before)
            element.clear()
    except etree.XMLSyntaxError as error:
        raise FileRefused("the XML is broken or cut short", line=_line(error)) from None


def _line(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return str(line) if line else ""
