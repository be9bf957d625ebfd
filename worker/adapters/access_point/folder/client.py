"""A folder as ports.AccessPoint."""

from __future__ import annotations

import asyncio
from pathlib import Path

from worker.adapters.access_point.folder import translate, wire
from worker.model.outcomes import AccessDenied, Refused
from worker.ports import Checked, OutboundDocument, Submission
from worker.support import files

_WRITING, _DONE = b"writing\n", b"handed over\n"


class FolderAccessPoint:
    """Writes documents into `root` and reads receipts from it. The folder is made when missing.

    Files disappear when they are fetched, so what was handed over is also noted in `.handed_over/<key>`: first
    "writing" (after the XML, before the JSON), then "handed over". From these and what still lies there, every crash
    can be told: an XML whose JSON was never written is the only case that counts as never seen.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    async def aclose(self) -> None:
        return

    async def submit(self, *, document: OutboundDocument) -> Submission:
        """See ports.AccessPoint. TryLater when the disk is full or the folder cannot be written."""
        return await asyncio.to_thread(self._submit, document)

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        """See ports.AccessPoint."""
        return await asyncio.to_thread(self._status, key)

    async def check(self, *, sender: str, tenant: str) -> Checked:
        """Whether the folder can be written to. Who fetches from it, it cannot say."""
        why = await asyncio.to_thread(files.why_not_writable, self._root)
        if why:
            raise AccessDenied(f"access point folder: {why}")
        return Checked("the folder can be written to", unproven="whether somebody sends what is laid there")

    def _names(self, key: str) -> wire.Names:
        names = wire.Names.of(self._root, key)
        if names is None:
            raise Refused("access point folder: the key is not fit for a file name")
        return names

    def _submit(self, document: OutboundDocument) -> Submission:
        names = self._names(document.key)
        visible = False
        try:
            files.make_folder(names.mark.parent)
            files.replace(names.xml, document.xml)
            files.replace(names.mark, _WRITING)
            visible = True
            files.replace(names.envelope, wire.envelope(document))
            files.replace(names.mark, _DONE)
        except OSError as error:
            raise translate.trouble(error, visible=visible and self._may_be_fetched(names)) from None
        return translate.waiting(document.key)

    def _status(self, key: str) -> Submission | None:
        names = self._names(key)
        try:
            if names.receipt.exists():
                try:
                    with names.receipt.open("rb") as lying:
                        content = lying.read(wire.LONGEST_RECEIPT + 1)
                    return translate.from_receipt(wire.read_receipt(content), key=key)
                except wire.Unreadable as error:
                    return translate.unreadable_receipt(str(error), key=key)
            if names.envelope.exists() or (
                names.mark.exists() and (names.mark.read_bytes() == _DONE or not names.xml.exists())
            ):
                return translate.waiting(key)
        except OSError as error:
            raise translate.trouble(error, visible=False) from None
        return None

    def _may_be_fetched(self, names: wire.Names) -> bool:
        try:
            return names.envelope.exists() or not names.xml.exists()
        except OSError:
            return True
