"""What the commands for rule folders need."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from worker.adapters.rules.folder import check_folder, write_manifest
from worker.adapters.rules.schematron import compile_schematron


def check_rules_folder(folder: Path) -> list[str]:
    """What is wrong with a rule folder; empty when all is well."""
    return check_folder(folder)


def write_rules_manifest(folder: Path, *, valid_from: dict[str, date]) -> list[str]:
    """Writes the folder's manifest; returns a line a rule set. Raises RulesUnavailable."""
    written = write_manifest(folder, valid_from=valid_from)
    return [f"{rules.id}: from {rules.valid_from}" for rules in written.sets]


def compile_rules(source: Path, *, compiler: Path, target: Path) -> None:
    """Compiles Schematron rules to XSLT. Raises RulesUnavailable."""
    compile_schematron(source, compiler=compiler, target=target)
