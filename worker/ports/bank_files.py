"""Where bank or clearing house lays settlement files, when it is not a folder of ours."""

from __future__ import annotations

from typing import Protocol

from worker.model.remote_file import RemoteFile

__all__ = ["BankFiles", "RemoteFile"]


class BankFiles(Protocol):
    """One folder at the bank. Nothing in it is ever deleted by us."""

    async def listed(self) -> list[RemoteFile]:
        """The plain files in the folder, by name; no folders, no links."""
        ...

    async def fetch(self, *, file: RemoteFile) -> bytes | None:
        """The file's bytes; None when it is no longer as listed: gone, or written to. Refused: it may not be read."""
        ...

    async def set_aside(self, *, file: RemoteFile, folder: str) -> None:
        """Moves it into `folder` below, under its name or, when that is taken, with a number. Gone already is done.

        Refused when it cannot be moved, or is no longer as listed: then it stays.
        """
        ...

    async def aclose(self) -> None: ...
