"""Claims as files in a folder: the stamped XML, then the JSON that makes it count (docs/registered-claim.md)."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any, cast

import orjson

from worker.model.outcomes import Refused
from worker.ports import Claim, LyingClaim
from worker.support import files

SCHEMA = "factoring-worker/registered-claim"
SCHEMA_VERSION = 1


class FolderFactorLedger:
    """Implements ports.FactorLedger. A claim is registered when its `.json` is there; `root` is made when missing."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    async def register(self, *, claim: Claim) -> str:
        """Writes the claim once; returns the JSON's name below the root (`<client>/<number>-<erp id>.json`).

        The same claim again gives the same name and changes nothing (`registered_at` may differ: the first one stands).
        Raises Refused when another claim lies there under the name, OSError when it cannot be written.
        """
        return await asyncio.to_thread(self._register, claim)

    def _register(self, claim: Claim) -> str:
        if hashlib.sha256(claim.stamped_xml).hexdigest() != claim.stamped_sha256:
            raise Refused("claim: the stamped XML does not match its hash")
        folder = files.safe_name(claim.client)
        stem = f"{files.safe_name(claim.number)}-{files.safe_name(claim.erp_id)}"
        name = f"{folder}/{stem}.json"
        xml_path = self._root / folder / f"{stem}.xml"
        json_path = self._root / folder / f"{stem}.json"
        content = claim_json(claim, xml_file=xml_path.name)

        if json_path.exists():
            _same_or_refused(json_path, content, name)
            return name
        files.make_folder(json_path.parent)
        # Without its JSON an XML was never registered (a crash between the two), so it may be written again.
        files.replace(xml_path, claim.stamped_xml)
        try:
            files.create(json_path, content)
        except FileExistsError:  # another worker was first
            _same_or_refused(json_path, content, name)
        return name

    def lying(self, *, client: str) -> list[str]:
        """See ports.FactorLedger. What is being written just now (a dot first) is left out."""
        folder = self._root / files.safe_name(client)
        if not folder.is_dir():
            return []
        return sorted(f"{folder.name}/{path.name}" for path in folder.glob("*.json") if not path.name.startswith("."))

    def read(self, *, name: str) -> LyingClaim | None:
        """See ports.FactorLedger."""
        try:
            content = (self._root / name).read_bytes()
        except FileNotFoundError:
            return None
        return lying_claim(name, content)


def lying_claim(name: str, content: bytes) -> LyingClaim:
    """What a claim's JSON says of itself; with a fault when it is none of schema version 1."""
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return LyingClaim(name, fault="not JSON")
    if not isinstance(document, dict):
        return LyingClaim(name, fault="not an object")
    claim = cast("dict[str, Any]", document)
    if (claim.get("schema"), claim.get("schema_version")) != (SCHEMA, SCHEMA_VERSION):
        return LyingClaim(name, fault="not a registered claim of this version")

    def word(section: str, key: str) -> str:
        part = claim.get(section)
        value = cast("dict[str, Any]", part).get(key) if isinstance(part, dict) else None
        return value if isinstance(value, str) else ""

    return LyingClaim(
        name,
        erp_id=word("source", "erp_id"),
        number=str(claim.get("number") or ""),
        kid=word("payment", "kid"),
        total=word("total", "amount"),
        currency=word("total", "currency"),
        stamped_sha256=word("documents", "stamped_sha256"),
    )


def claim_json(claim: Claim, *, xml_file: str) -> bytes:
    """The claim as documented JSON (schema version 1)."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "client": {
            "id": claim.client,
            "number": claim.client_number,
            "organisation_number": claim.client_organisation_number,
        },
        "source": {"erp": claim.erp, "erp_id": claim.erp_id},
        "kind": claim.kind.value,
        "number": claim.number,
        "credited_numbers": list(claim.credited_numbers),
        "issue_date": claim.issue_date.isoformat(),
        "due_date": claim.due_date.isoformat() if claim.due_date else None,
        "total": {
            "currency": claim.total.currency,
            "amount": str(claim.total.amount),
            "minor_units": claim.total.minor,
        },
        "payment": {"account": claim.factor_account, "kid": claim.kid},
        "debtor": {
            "code": claim.debtor_code,
            "name": claim.debtor_name,
            "is_person": claim.debtor_is_person,
            "organisation_number": claim.debtor_organisation_number or None,
            "address_lines": list(claim.debtor_address_lines),
            "email": claim.debtor_email or None,
            "phone": claim.debtor_phone or None,
        },
        "notice_version": claim.notice_version,
        "documents": {
            "original_sha256": claim.original_sha256,
            "stamped_sha256": claim.stamped_sha256,
            "stamped_file": xml_file,
        },
        "registered_at": claim.registered_at.isoformat(timespec="seconds"),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _same_or_refused(path: Path, content: bytes, name: str) -> None:
    if not files.same_json(path.read_bytes(), content, apart_from="registered_at"):
        raise Refused(f"claim: {name} is already registered with other content")
