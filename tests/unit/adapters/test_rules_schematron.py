"""Compiling Schematron, with a compiler of our own in SchXslt's place: which files are used, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.adapters.rules.schematron import compile_schematron
from worker.ports import RulesUnavailable

COMPILER = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:include href="part.xsl"/>
</xsl:stylesheet>
"""
PART = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/"><compiled rules="{count(//rule)}">Ærlig</compiled></xsl:template>
</xsl:stylesheet>
"""


def unpacked(root: Path) -> Path:
    """A compiler as it lies after unpacking: a pipeline for each XSLT version, and what it includes."""
    for version in ("1.0", "2.0"):
        folder = root / "schxslt-1.9.5" / version
        folder.mkdir(parents=True)
        (folder / "pipeline-for-svrl.xsl").write_text(COMPILER)
        (folder / "part.xsl").write_text(PART, encoding="utf-8")
    return root


def test_the_source_is_compiled_to_where_it_is_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "rules.sch", tmp_path / "new" / "folder" / "rules.xslt"
    source.write_text("<schema><rule/><rule/></schema>")
    compile_schematron(source, compiler=unpacked(tmp_path / "compiler"), target=target)
    assert target.read_text(encoding="utf-8").endswith('<compiled rules="2">Ærlig</compiled>')


def test_what_cannot_be_used_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    source, target, compiler = tmp_path / "rules.sch", tmp_path / "rules.xslt", tmp_path / "compiler"
    with pytest.raises(RulesUnavailable, match=r"compiler: exactly one 2\.0/pipeline-for-svrl\.xsl belongs there"):
        compile_schematron(source, compiler=compiler, target=target)
    unpacked(compiler)
    with pytest.raises(RulesUnavailable, match=r"rules\.sch: No such file"):
        compile_schematron(source, compiler=compiler, target=target)
    source.write_text("<schema>")
    with pytest.raises(RulesUnavailable, match=r"rules\.sch: cannot be compiled"):
        compile_schematron(source, compiler=compiler, target=target)
    assert not target.exists()
