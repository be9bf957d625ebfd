"""How fast documents are stamped, checked and drawn: `python -m tests.bench.documents [--rules FOLDER] [--seconds N]`.

One run, one table, for invoices of 1, 10, 100 and 1,000 lines. Beside the PDF stands a bare ReportLab canvas that draws
the same texts, lines and areas from a ready list: what the drawing itself costs. What is compared takes turns in the
same fresh process, so that a busy machine slows both; a number is the median of what got done in `--seconds`. Memory is
the peak of one process, the libraries of the bench included.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ContentStream
from reportlab.pdfgen.canvas import Canvas

from tests.golden.reading import POINT, placed_texts
from tests.support.ehf_samples import FACTORED, SELLER, Sample, many_lines
from tests.support.rules_folder import rules_of_2024
from worker.adapters.rules.client import FolderRules
from worker.intake.rules import Arrival, first_stop, remarks
from worker.model.document import Document, Kind
from worker.model.ehf import read_document
from worker.model.party import DebtorCard, PostalAddress
from worker.stamping.pdf import PaperConfig, draw
from worker.stamping.proof import prove
from worker.stamping.ubl import stamp
from worker.support.pdf import lettering

SIZES = (1, 10, 100, 1000)
PAPER = PaperConfig(
    factor_name=FACTORED.factor_name,
    factor_organisation_number=FACTORED.factor_organisation_number,
    factor_account=FACTORED.account,
    kid=FACTORED.kid,
    notice=FACTORED.notice,
    recipient_lines=("Bakeriet på Hjørnet AS", "Storgata 12", "0184 OSLO"),
    return_address="Retur: Nordlys Elektro AS, Industriveien 4, 9020 Tromsdalen",
)
CARD = DebtorCard(
    code="1", name="Bakeriet på Hjørnet AS", organisation_number="974760673",
    address=PostalAddress("Storgata 12", "", "0184", "Oslo", "NO"),
)  # fmt: skip

# One page as a list of canvas calls: method and arguments.
Page = list[tuple[str, tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """`medians`: seconds for one round of each work, in the order given. `engine_mb`: of the rules engine, if any."""

    medians: tuple[float, ...]
    peak_mb: float
    engine_mb: float


def stamping(sample: Sample, _: Any) -> Iterator[None]:
    """Read, the program's own checks, stamp, proof: all that is done to a document without the official rules."""
    while True:
        document = read_document(sample.xml)
        arrival = Arrival(
            listed_number=document.number, listed_kind=document.kind, listed_total=str(document.payable),
            document=document, card=CARD, own_company_id=SELLER.organisation_number, is_person=False,
            email="faktura@bakeriet.example", today=date(2026, 11, 21),
        )  # fmt: skip
        if (stop := first_stop(arrival)) is not None:
            raise SystemExit(f"the sample is stopped: {stop.reason}")
        remarks(arrival)
        stamped = stamp(sample.xml, sample.stamp)
        prove(sample.xml, stamped.xml, sample.stamp)
        read_document(stamped.xml)
        yield


def drawing(document: Document, _: Any) -> Iterator[None]:
    """The PDF as the program draws it."""
    while True:
        draw(document, PAPER)
        yield


def bare(_: Document, pages: list[Page]) -> Iterator[None]:
    """The same pages with nothing left to think about."""
    lettering.load()
    new_canvas: Any = Canvas  # its stubs take a font for a number
    while True:
        canvas: Any = new_canvas(BytesIO(), pagesize=(595.28, 841.89), invariant=1, initialFontName=first_font(pages))
        for page in pages:
            for method, arguments in page:
                getattr(canvas, method)(*arguments)
            canvas.showPage()
        canvas.getpdfdata()
        yield


def checking(sample: Sample, folder: Path) -> Iterator[None]:
    """The official rules, through the engine's process."""
    with asyncio.Runner() as runner:
        rules = FolderRules(folder, time_limit=600)
        try:
            while True:
                verdict = runner.run(rules.check(xml=sample.xml, kind=Kind.INVOICE, on=date(2026, 11, 21)))
                if verdict.fatal:
                    raise SystemExit(f"the sample is broken: {verdict.fatal_ids}")
                yield
        finally:
            runner.run(rules.aclose())


WORK: dict[str, Callable[[Any, Any], Iterator[None]]] = {
    work.__name__: work for work in (stamping, checking, drawing, bare)
}


def first_font(pages: list[Page]) -> str:
    return next(arguments[0] for page in pages for method, arguments in page if method == "setFont")


def replayed(content: bytes) -> list[Page]:
    """The canvas calls that draw a PDF's areas, lines, colours and texts."""
    reader = PdfReader(BytesIO(content))
    pages: list[Page] = []
    methods = {b"rg": "setFillColorRGB", b"RG": "setStrokeColorRGB", b"w": "setLineWidth"}
    for page in reader.pages:
        calls: Page = []
        start: tuple[float, ...] = ()
        for operands, operator in ContentStream(page.get_contents(), reader).operations:
            values = tuple(float(value) for value in operands) if operator in {*methods, b"re", b"m", b"l"} else ()
            if operator in methods:
                calls.append((methods[operator], values))
            elif operator == b"re":
                calls.append(("rect", (*values, 0, 1)))
            elif operator == b"m":
                start = values
            elif operator == b"l":
                calls.append(("line", (*start, *values)))
        pages.append(calls)
    for text in placed_texts(content):
        pages[text.page - 1] += [
            ("setFont", (text.font, text.size)),
            ("drawString", (text.x / POINT, (297 - text.y) / POINT, text.text)),
        ]
    return pages


def peak_mb(process: int | str = "self") -> float:
    """Largest resident memory a process has had; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def engine_peak_mb() -> float:
    children = (path.read_text().split() for path in Path(f"/proc/{os.getpid()}/task").glob("*/children"))
    return max((peak_mb(child) for found in children for child in found), default=0)


# What one process does by turns: the name of the work, on what, with what.
Turn = tuple[str, Any, Any]


def _measure(turns: list[Turn], seconds: float, ready: Barrier, out: Queue[Measured]) -> None:
    works = [WORK[name](subject, extra) for name, subject, extra in turns]
    for work in works:
        next(work)  # imports, fonts, compiling
    ready.wait()
    found: list[list[float]] = [[] for _ in works]
    end = time.perf_counter() + seconds * len(works)
    while len(found[0]) < 3 or time.perf_counter() < end:
        for work, rounds in zip(works, found, strict=True):
            begun = time.perf_counter()
            next(work)
            rounds.append(time.perf_counter() - begun)
    out.put(Measured(tuple(map(statistics.median, found)), peak_mb(), engine_peak_mb()))
    for work in works:
        work.close()  # pyright: ignore[reportAttributeAccessIssue]


def measured(turns: list[Turn], *, seconds: float, processes: int = 1) -> list[Measured]:
    """The work done in that many processes at once."""
    names = ", ".join(name for name, *_ in turns)
    sys.stderr.write(f"  {names} in {processes}\n")
    context = multiprocessing.get_context("spawn")
    ready, out = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_measure, args=(turns, seconds, ready, out)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found: list[Measured] = []
    while len(found) < processes:
        try:
            found.append(out.get(timeout=1))
        except Empty:
            if failed := [worker for worker in workers if worker.exitcode]:
                raise SystemExit(f"{names} failed with {failed[0].exitcode}") from None
    for worker in workers:
        worker.join()
    return found


def row(size: int, folder: Path, seconds: float) -> list[str]:
    sys.stderr.write(f"{size} lines\n")
    sample = many_lines(size)
    stamped = stamp(sample.xml, sample.stamp).xml
    document = read_document(stamped)
    drawn = draw(document, PAPER)
    pages = replayed(drawn.content)
    xml = measured(
        [("stamping", sample, None), ("checking", Sample(sample.kind, stamped, sample.stamp), folder)], seconds=seconds
    )[0]
    own, rules = xml.medians
    paper = {
        processes: measured(
            [("drawing", document, None), ("bare", document, pages)], seconds=seconds, processes=processes
        )
        for processes in (1, 2)
    }
    # Pages a second, of all processes together: ours and the bare canvas's.
    speed = {
        processes: [sum(drawn.pages / one.medians[which] for one in found) for which in (0, 1)]
        for processes, found in paper.items()
    }
    ours, theirs = zip(speed[1], speed[2], strict=True)
    return [
        f"{size:,}", f"{len(sample.xml) / 1000:,.0f}",
        f"{own * 1000:,.1f}", f"{rules * 1000:,.1f}", f"{rules / own:.1f}",
        f"{xml.peak_mb:,.0f}", f"{xml.engine_mb:,.0f}",
        f"{drawn.pages}",
        *(f"{part:,.0f}" for part in (ours[0], theirs[0])), f"{ours[0] / theirs[0]:.2f}",
        *(f"{part:,.0f}" for part in (ours[1], theirs[1])), f"{ours[1] / theirs[1]:.2f}",
        f"{ours[1] / ours[0]:.2f}", f"{max(one.peak_mb for found in paper.values() for one in found):,.0f}",
    ]  # fmt: skip


HEADER = [
    "lines", "kB", "own ms", "rules ms", "rules/own", "MB", "engine MB",
    "pages", "pdf/s", "bare/s", "pdf/bare", "pdf/s x2", "bare/s x2", "pdf/bare", "x2/x1", "MB",
]  # fmt: skip
LEGEND = """own: read, own checks, stamp, proof, read again. rules: {rules}.
pdf/s, bare/s: pages a second; x2: two processes together.
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.documents", description=__doc__)
    parser.add_argument("--rules", type=Path, help="a folder of rules (docs/rules.md); else those of May 2024")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measure")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = chosen.rules or rules_of_2024(Path(temporary))
        described = FolderRules(folder).describe()
        rows = [HEADER, *(row(size, folder, chosen.seconds) for size in SIZES)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADER))]
    for line in rows:
        sys.stdout.write("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + "\n")
    sys.stdout.write(LEGEND.format(rules=described))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
