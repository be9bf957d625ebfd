"""Reading settlement files, ours beside others on the same file: transactions a second, and memory.

    uv run --with netsgiro --with pyiso20022 --with xsdata python -m tests.bench.settlement_files

or, with the others in a virtual environment of their own, `--others <its python>` (or SETTLEMENT_BENCH_OTHERS). Each
reader runs once, in a process of its own. Time is the processor's, so a busy machine does not spoil it; memory is what
the process's peak grew by while reading. The readers must agree on every transaction's amount, KID, day and payer's
account, or there is no table. `--ocr-file <path>` reads another OCR giro file instead, such as netsgiro's own sample.

Ours checks every control total and makes hashes and fingerprints; netsgiro and pyiso20022 do neither.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OCR, CAMT_02, CAMT_08, FEED = "OCR giro", "camt.054.001.02", "camt.054.001.08", "ledger feed"


@dataclass(frozen=True)
class Reader:
    """`parse` is timed; `facts` then tells each transaction as (øre, KID, day, payer's account)."""

    parse: Callable[[bytes], Any]
    facts: Callable[[Any], list[tuple[int, str, str, str]]]


# --- the readers, each in a process of its own ----------------------------------------------------


def ours() -> Reader:
    from datetime import date

    from worker.settlement.formats import read

    def parse(content: bytes) -> Any:
        named = re.findall(rb"^NY090020.{16}([0-9]{11})", content[:1_000_000], re.MULTILINE)
        own = frozenset({"86011117947", *(account.decode() for account in named)})
        return read(content, own_accounts=own, today=date(2026, 11, 21))

    def facts(found: Any) -> list[tuple[int, str, str, str]]:
        paid = [(p.amount.minor, p.kid, p.booking_date.isoformat(), p.payer_account) for p in found.payments]
        return paid or [(e.amount.minor, e.kid, e.date.isoformat(), "") for e in found.events]

    return Reader(parse, facts)


def netsgiro() -> Reader:
    parse: Any = importlib.import_module("netsgiro").parse

    def facts(transmission: Any) -> list[tuple[int, str, str, str]]:
        return [
            (int(t.amount * 100), t.kid or "", t.date.isoformat(), t.debit_account or "")
            for assignment in transmission.assignments
            for t in assignment.transactions
            if int(t.type) not in range(18, 22)  # card terminals, which ours counts apart
        ]

    return Reader(lambda content: parse(content.decode("iso-8859-1")), facts)


def pyiso20022(version: str) -> Reader:
    parsers: Any = importlib.import_module("xsdata.formats.dataclass.parsers")
    document: Any = importlib.import_module(f"pyiso20022.camt.camt_054_001_{version}").Document

    def facts(message: Any) -> list[tuple[int, str, str, str]]:
        return [
            (
                int((t.amt if version == "08" else t.amt_dtls.tx_amt.amt).value * 100),
                t.rmt_inf.strd[0].cdtr_ref_inf.ref,
                str(e.bookg_dt.dt),
                t.rltd_pties.dbtr_acct.id.othr.id,
            )
            for n in message.bk_to_cstmr_dbt_cdt_ntfctn.ntfctn
            for e in n.ntry
            for d in e.ntry_dtls
            for t in d.tx_dtls
        ]

    return Reader(lambda content: parsers.XmlParser().from_bytes(content, document), facts)


READERS: dict[str, Callable[[], Reader]] = {
    "ours": ours,
    "netsgiro": netsgiro,
    "pyiso20022 02": lambda: pyiso20022("02"),
    "pyiso20022 08": lambda: pyiso20022("08"),
}
CONTESTS = {
    OCR: ("ours", "netsgiro"),
    CAMT_02: ("ours", "pyiso20022 02"),
    CAMT_08: ("ours", "pyiso20022 08"),
    FEED: ("ours",),
}


def measure(reader: str, path: Path) -> dict[str, object]:
    """One reading in this process."""
    chosen = READERS[reader]()
    content = path.read_bytes()
    before = _peak()
    started = time.process_time()
    parsed = chosen.parse(content)
    seconds = time.process_time() - started
    peak = _peak() - before
    facts = chosen.facts(parsed)
    digest = hashlib.sha256("\n".join(map(repr, facts)).encode()).hexdigest()
    return {"count": len(facts), "digest": digest, "seconds": seconds, "peak": peak}


def _peak() -> int:
    """Bytes; Linux counts in kilobytes, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# --- the files ------------------------------------------------------------------------------------


def write_files(folder: Path, transactions: int) -> None:
    from tests.support import settlement_samples as samples
    from worker.model.kid import mod10

    minors = [(n * 7919) % 5_000_000 + 100 for n in range(transactions)]
    kids = [body + mod10(body) for body in (f"91234{n:08}00" for n in range(transactions))]
    payer = "12345678903"
    paid = [
        samples.OcrTransaction(minor, kid, reference=n + 1, payer=payer)
        for n, (minor, kid) in enumerate(zip(minors, kids, strict=True))
    ]
    credits_ = [
        samples.CamtTransaction(
            f"{minor / 100:.2f}", kid=kid, payer="Bjørnstad Bygg AS", payer_account=payer, reference=str(n + 1)
        )
        for n, (minor, kid) in enumerate(zip(minors, kids, strict=True))
    ]
    # A bank books a day's payments with KID as a few lump sums.
    entries = [
        samples.CamtEntry(part, batch=str(len(part)), reference=str(start))
        for start in range(0, transactions, 5_000)
        if (part := credits_[start : start + 5_000])
    ]
    events: list[dict[str, object]] = [
        {
            "event_id": str(n),
            "client": "boker",
            "kind": "payment",
            "date": "2026-11-20",
            "amount": f"{minor / 100:.2f}",
            "currency": "NOK",
            "kid": kid,
        }
        for n, (minor, kid) in enumerate(zip(minors, kids, strict=True))
    ]
    contents = {
        OCR: samples.OcrFile([samples.OcrAssignment(paid)]).render(),
        CAMT_02: samples.CamtFile(entries, version="02").render(),
        CAMT_08: samples.CamtFile(entries, version="08").render(),
        FEED: samples.feed(events),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)


# --- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    count: int
    digest: str
    seconds: float
    peak: int


def apart(python: str, *arguments: str) -> str | None:
    """What this module answers in a process of its own; None when a library is not installed there.

    The files are made apart as well: on Linux a process's peak begins with that of the process that started it.
    """
    command = [python, "-m", "tests.bench.settlement_files", *arguments]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)  # noqa: S603 - our own
    if done.returncode == 3:
        return None
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def contest(reader: str, path: Path, python: str) -> Result | None:
    """None when the reader is not installed."""
    answer = apart(python, "--measure", reader, str(path))
    if answer is None:
        return None
    found = json.loads(answer)
    return Result(found["count"], found["digest"], found["seconds"], found["peak"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--others", default=os.environ.get("SETTLEMENT_BENCH_OTHERS", sys.executable))
    parser.add_argument("--ocr-file", type=Path)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        try:
            answer = measure(options.measure[0], Path(options.measure[1]))
        except ModuleNotFoundError:
            raise SystemExit(3) from None
        print(json.dumps(answer))  # noqa: T201 - the answer to the process that asked
        return
    if options.write:
        write_files(options.write, options.transactions)
        return
    heading = f"{'file':16} {'MB':>6} {'reader':14} {'tx/s':>9} {'ours is':>9} {'peak MB':>8} {'theirs is':>10}"
    if options.ocr_file:
        print("\n".join([heading, *table(OCR, options.ocr_file, options.others)]))  # noqa: T201 - a command's output
        return
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        apart(sys.executable, "--write", folder, "--transactions", str(options.transactions))
        for name in CONTESTS:
            rows += table(name, Path(folder) / name, options.others)
    print(f"{options.transactions:,} transactions a file, one run each, processor time")  # noqa: T201
    print("\n".join([heading, *rows]))  # noqa: T201


def table(name: str, path: Path, others: str) -> list[str]:
    size = path.stat().st_size / 1e6
    own: Result | None = None
    rows: list[str] = []
    for reader in CONTESTS[name]:
        result = contest(reader, path, sys.executable if reader == "ours" else others)
        head = f"{name:16} {size:6.1f} {reader.split()[0]:14}"
        if result is None:
            rows.append(f"{head} not installed")
            continue
        own = own or result
        if result.digest != own.digest:
            raise SystemExit(f"{name}: {reader} reads {result.count} transactions and ours {own.count}, not the same")
        row = f"{head} {result.count / result.seconds:9,.0f} {'':9} {result.peak / 1e6:8.0f}"
        if result is not own:
            faster, larger = f"{result.seconds / own.seconds:.1f}×", f"{result.peak / max(own.peak, 1):.1f}×"
            row = f"{head} {result.count / result.seconds:9,.0f} {faster:>9} {result.peak / 1e6:8.0f} {larger:>10}"
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
