"""What belongs to letters besides handing them over: the print house's receipts."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker import delivery
from worker.model.remote_file import RemoteFile
from worker.ports import PrintHouse
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.summary import Summary
from worker.wiring.looking import SharedLook


@dataclass(slots=True)
class ReceiptDesk:
    """All clients' receipts lie in one folder at the print house."""

    print_house: PrintHouse
    db: Database
    halt: Halt
    _shared: SharedLook = field(default_factory=SharedLook)
    _stuck: set[RemoteFile] = field(default_factory=set[RemoteFile])

    async def look(self, clock: Clock) -> Summary:
        """Reads what waits; nothing when somebody of this house did a moment ago."""
        return await self._shared.look(
            clock,
            lambda: delivery.run_receipts(
                clock=clock, db=self.db, print_house=self.print_house, halt=self.halt, stuck=self._stuck
            ),
        )
