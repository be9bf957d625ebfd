"""One impossible row in the ERP's list: the others are taken in, on both databases' terms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from worker.intake.fetch import fetch
from worker.model.document import Kind
from worker.ports import ErpInvoice
from worker.store import tables as t
from worker.store.database import Database, migrate
from worker.store.reading import all_invoices

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)


def listed(**given: Any) -> ErpInvoice:
    usual: dict[str, Any] = {
        "erp_id": "id-1", "number": "5001", "kind": Kind.INVOICE, "customer_code": "10001", "customer_email": "",
        "total": "1250.00", "invoice_date": None, "due_date": None, "original_number": "", "created_at": None,
        "raw": "{}",
    }  # fmt: skip
    return ErpInvoice(**{**usual, **given})


class ListOnly:
    """An ERP of which only the list is asked."""

    def __init__(self, *rows: ErpInvoice) -> None:
        self._rows = rows

    async def available_invoices(self) -> AsyncIterator[ErpInvoice]:
        for row in self._rows:
            yield row


@pytest.mark.parametrize("field", ["erp_id", "number", "customer_code"])
async def test_a_row_too_long_to_keep_is_left_out_and_counted(tmp_path: Path, field: str) -> None:
    longest: dict[str, Any] = {
        "erp_id": t.invoices.c.erp_id,
        "number": t.invoices.c.number,
        "customer_code": t.invoices.c.debtor_code,
    }
    limit = longest[field].type.length
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    migrate(db)
    erp: Any = ListOnly(
        listed(**{"erp_id": "id-1", field: "9" * (limit + 1)}),
        listed(**{"erp_id": "id-2", field: "8" * limit}),
    )
    summary = await fetch(now=NOW, client="nordlys", erp_name="poweroffice_go", db=db, erp=erp)
    assert dict(summary) == {"listed": 2, "trouble_aside": 1, "fetched": 1}
    (kept,) = all_invoices(db)
    assert "8" * limit in (kept.erp_id, kept.number, kept.debtor_code)
    db.close()
