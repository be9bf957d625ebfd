"""ports.DocumentRules: the rules of a folder, or none."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from worker.adapters.rules.engine import NOT_INSTALLED
from worker.adapters.rules.folder import SETS, Rules, RulesKind, read_folder
from worker.adapters.rules.process import EngineDied, EngineProcess, EngineSlow
from worker.model.document import Kind
from worker.model.ehf import ROOTS, etree, parse
from worker.model.findings import GAVE_UP, Finding, RuleSet, Verdict
from worker.ports import RulesUnavailable

_COMPILING: Final = 120.0  # seconds for one set; two are usual


class NoRules:
    """Implements ports.DocumentRules without a folder: nothing is found, and no rule set is named."""

    async def check(self, *, xml: bytes, kind: Kind, on: date) -> Verdict:
        return Verdict((), ())

    def describe(self) -> str:
        return "none: RULES_FOLDER is not set, only the program's own checks run"

    async def aclose(self) -> None:
        return


class FolderRules:
    """Implements ports.DocumentRules with the folder's rules, in a process of its own that is started at the first
    document and again after a crash, after `documents_per_engine`, and above `memory_limit_mb`.

    `time_limit`: seconds for one document. Raises RulesUnavailable when the manifest is not sound or the engine is not
    installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        time_limit: float = 60.0,
        documents_per_engine: int = 1000,
        memory_limit_mb: int = 1000,
    ) -> None:
        self._folder = read_folder(folder)
        compiled = any(rules.kind is RulesKind.XSLT for rules in self._folder.sets)
        if compiled and importlib.util.find_spec("saxonche") is None:
            raise RulesUnavailable(NOT_INSTALLED)
        self._time_limit = time_limit
        self._documents_per_engine = documents_per_engine
        self._memory_limit_mb = memory_limit_mb
        self._lock = asyncio.Lock()
        self._engine: EngineProcess | None = None

    async def check(self, *, xml: bytes, kind: Kind, on: date) -> Verdict:
        """Raises DocumentError for what the worker would not read, RulesUnavailable; ValueError when `kind` is not the
        document's."""
        content = await asyncio.to_thread(_reread, xml, kind)
        sets = self._folder.in_force(on)
        request = {"do": "check", "kind": kind.value, "sets": [rules.id for rules in sets]}
        async with self._lock:
            try:
                answer = await self._ask(request, content, sets)
            except EngineDied:
                try:
                    answer = await self._ask(request, content, sets)
                except EngineDied:
                    raise RulesUnavailable("the rules engine crashed twice on the same document") from None
        if "error" in answer:
            raise RulesUnavailable(answer["error"])
        return Verdict(
            tuple(RuleSet(rules.name, rules.version) for rules in sets),
            tuple(Finding(**found) for found in answer["findings"]),
            answer["left_off"],
        )

    async def prepare(self, *, on: date) -> None:
        """Verifies and compiles what applies on that day, so that a fault shows at start. Raises RulesUnavailable."""
        async with self._lock:
            try:
                await self._ready(self._folder.in_force(on))
            except EngineDied:
                raise RulesUnavailable("the rules engine crashed while compiling") from None

    def describe(self) -> str:
        listed = ", ".join(f"{rules.name} {rules.version} from {rules.valid_from}" for rules in self._folder.sets)
        missing = [name for name in SETS if all(rules.name != name for rules in self._folder.sets)]
        return f"{listed}; not in the folder: {', '.join(missing)}" if missing else listed

    async def aclose(self) -> None:
        async with self._lock:
            if self._engine is not None:
                engine, self._engine = self._engine, None
                await engine.end()

    async def _ask(self, request: dict[str, Any], content: bytes, sets: Sequence[Rules]) -> dict[str, Any]:
        engine = await self._ready(sets)
        self._engine = None  # until it has answered: cancelled or failed in between, it is never asked again
        try:
            answer = await engine.ask(request, content, seconds=self._time_limit)
        except EngineSlow:
            text = f"the rules were not through after {self._time_limit:g} seconds"
            finding = {"rule_id": GAVE_UP, "fatal": True, "location": "/", "text": text}
            return {"findings": [finding], "left_off": 0}
        engine.checked += 1
        if engine.checked >= self._documents_per_engine or answer["memory_mb"] >= self._memory_limit_mb:
            await engine.end()
        else:
            self._engine = engine
        return answer

    async def _ready(self, sets: Sequence[Rules]) -> EngineProcess:
        """An engine that has these sets compiled."""
        try:
            engine, self._engine = self._engine or await EngineProcess.start(), None
        except OSError as error:
            raise RulesUnavailable(f"the rules engine cannot be started: {error.strerror or 'OSError'}") from None
        for rules in sets:
            if rules.id in engine.loaded:
                continue
            request = {"do": "load", "id": rules.id, "root": str(self._folder.root), **rules.model_dump(mode="json")}
            try:
                answer = await engine.ask(request, seconds=_COMPILING)
            except EngineSlow:
                raise RulesUnavailable(f"{rules.id}: not compiled after {_COMPILING:g} seconds") from None
            if "error" in answer:
                await engine.end()
                raise RulesUnavailable(answer["error"])
            engine.loaded.add(rules.id)
        self._engine = engine
        return engine


def _reread(xml: bytes, kind: Kind) -> bytes:
    """Through the safe parser and out again: no DTD, no entity, one encoding. Comments stay, as they would be sent."""
    root = parse(xml, keep_everything=True)
    if ROOTS[root.tag] is not kind:
        raise ValueError(f"the document is no {kind}")
    return bytes(etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=False))
