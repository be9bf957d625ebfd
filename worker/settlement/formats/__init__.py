"""The settlement file formats: bytes of unknown origin to plain values, the whole file or nothing of it.

    recognise.py    which format is it
    ocr_giro.py     OCR giro, records of 80 characters
    camt054.py      camt.054, ISO 20022 XML; camt_values.py its values, camt_remittance.py what a payment says it pays
    xml_stream.py   hostile XML, piece by piece
    ledger_feed.py  the factor's own ledger, JSON Lines (docs/ledger-feed.md)
    fingerprint.py  the same transaction in two files

Pure functions: no clock, no disk. Refusals are FileRefused, with a place and a reason, never a name or a number of a
person.
"""

from __future__ import annotations

from datetime import date

from worker.model.settlement import SettlementFile, SourceFormat
from worker.settlement.formats import camt054, ledger_feed, ocr_giro
from worker.settlement.formats.fingerprint import fingerprint
from worker.settlement.formats.recognise import MAX_BYTES, recognise

__all__ = ["MAX_BYTES", "fingerprint", "read", "recognise"]

_READERS = {
    SourceFormat.OCR_GIRO: ocr_giro.read,
    SourceFormat.CAMT_054: camt054.read,
    SourceFormat.LEDGER_FEED: ledger_feed.read,
}


def read(content: bytes, *, own_accounts: frozenset[str], today: date) -> SettlementFile:
    """The file, whole and sound, by whichever reader its content asks for. Raises FileRefused."""
    return _READERS[recognise(content)](content, own_accounts=own_accounts, today=today)
