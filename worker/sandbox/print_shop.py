"""What the print house does with letters: a shift fetches what is whole, prints, posts, and leaves receipts.

Keeps the agreement of docs/print-manifest.md from the other side: manifests go to `fetched/`, receipts to `receipts/`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from worker.sandbox.magic import LetterMagic, letter_magic
from worker.sandbox.records import PrintHouseTrouble


class PrintShop:
    """Works on `folder`, where the letters come in."""

    def __init__(self, *, folder: Path, now: Callable[[], datetime], state: PrintHouseTrouble) -> None:
        self._folder = folder
        self._now = now
        self._state = state
        (folder / "fetched").mkdir(parents=True, exist_ok=True)

    def work(self) -> list[str]:
        """A shift. Returns the ids of the letters posted in it. Mail posted in an earlier one may come back first."""
        self._mail_comes_back()
        posted: list[str] = []
        for path in sorted(self._folder.glob("*.json")):
            document = json.loads(path.read_bytes())
            said: list[dict[str, Any]] = []
            for job in document.get("jobs", [document]):
                said += self._print(job, posted)
            path.rename(self._folder / "fetched" / path.name)
            self.say(path.stem, said)
        return posted

    def say(self, name: str, receipts: list[dict[str, Any]]) -> Path | None:
        """Leaves receipts as one file of JSON Lines, named after what they are about and its place among them."""
        if not receipts:
            return None
        folder = self._folder / "receipts"
        folder.mkdir(exist_ok=True)
        self._state.receipt_files += 1
        path = folder / f"{name}.{self._state.receipt_files}.jsonl"
        part = path.with_name(f"{path.name}.part")
        part.write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in receipts), encoding="utf-8")
        part.rename(path)
        return path

    def receipt(self, job_id: str, status: str, **more: str) -> dict[str, Any]:
        """A receipt as the agreement has it."""
        return {
            "schema": "factoring-worker/print-receipt",
            "schema_version": 1,
            "job_id": job_id,
            "status": status,
            "at": self._now().isoformat(timespec="seconds"),
            **more,
        }

    def _print(self, job: dict[str, Any], posted: list[str]) -> list[dict[str, Any]]:
        job_id, pdf = str(job["job_id"]), self._folder / str(job["file"])
        content = pdf.read_bytes()
        pdf.rename(self._folder / "fetched" / pdf.name)
        meaning = letter_magic(job["address_lines"])
        if meaning is LetterMagic.SILENT:
            return []
        received = self.receipt(job_id, "received", client=str(job["client"]))
        if (len(content), hashlib.sha256(content).hexdigest()) != (job["size"], job["sha256"]):
            return [received, self.receipt(job_id, "rejected", reason="fila er skadet")]
        if meaning is LetterMagic.REJECTED:
            return [received, self.receipt(job_id, "rejected", reason="adressen er utenfor vinduet")]
        if meaning is LetterMagic.RETURNED:
            self._state.coming_back.append(job_id)
        posted.append(job_id)
        return [received, self.receipt(job_id, "printed"), self.receipt(job_id, "posted")]

    def _mail_comes_back(self) -> None:
        for job_id in self._state.coming_back:
            self.say(job_id, [self.receipt(job_id, "returned", reason="adressaten er ukjent på adressen")])
        self._state.coming_back.clear()
