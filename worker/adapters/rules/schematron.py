"""Compiles rules published as Schematron into XSLT, once, when the operator fills the folder.

OpenPeppol publishes the source only. The compiler is SchXslt's (MIT), as released: docs/rules.md.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from worker.adapters.rules.engine import NOT_INSTALLED
from worker.ports import RulesUnavailable
from worker.support import files

_PIPELINE: Final = "pipeline-for-svrl.xsl"


def compile_schematron(source: Path, *, compiler: Path, target: Path) -> None:
    """Writes the compiled rules to `target`. `compiler`: the folder SchXslt was unpacked to.

    Raises RulesUnavailable when either cannot be used, OSError when `target` cannot be written.
    """
    # SchXslt has a pipeline for each XSLT version; the rules are written for 2.0.
    found = [path for path in sorted(compiler.rglob(_PIPELINE)) if path.parent.name == "2.0"]
    if len(found) != 1:
        raise RulesUnavailable(f"{compiler}: exactly one 2.0/{_PIPELINE} belongs there, found {len(found)}")
    if not source.is_file():
        raise RulesUnavailable(f"{source}: No such file")
    try:
        saxonche: Any = import_module("saxonche")
    except ImportError:
        raise RulesUnavailable(NOT_INSTALLED) from None
    with saxonche.PySaxonProcessor(license=False) as processor:
        processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "file")
        try:
            pipeline = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(found[0].resolve()))
            compiled: str | None = pipeline.transform_to_string(source_file=str(source.resolve()))
        except Exception as error:  # noqa: BLE001 - whatever a third party's file does to its compiler
            raise RulesUnavailable(f"{source}: cannot be compiled ({str(error).strip()[:300]})") from None
    if not compiled:
        raise RulesUnavailable(f"{source}: nothing comes out of compiling it")
    files.make_folder(target.parent)
    files.replace(target, compiled.encode("utf-8"))
