"""A report as text, as HTML and as a spreadsheet. Text and HTML say the same."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from worker.reporting.report import ROW_HEAD, Report, Section
from worker.support.spreadsheet import as_csv

_WIDTH = 76  # a mail program that breaks lines breaks none of ours
_HTML = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_text(report: Report) -> str:
    """Plain text, at most 76 characters a line where words allow."""
    parts = [f"{report.heading}\nDagsrapport {report.day:%d.%m.%Y}\n{report.period}"]
    parts += [_section(section) for section in report.sections]
    parts.append("\n".join(_wrapped(line) for line in report.closing))
    return "\n\n".join(parts) + "\n"


def as_html(report: Report) -> str:
    """One page, readable on a phone; nothing is loaded from anywhere."""
    return _HTML.get_template("report.html").render(report=report)


def as_rows(report: Report) -> bytes | None:
    """The CSV; None when there is nothing to tell."""
    return as_csv(ROW_HEAD, report.rows) if report.rows else None


def _section(section: Section) -> str:
    lines = [section.title.upper(), "-" * len(section.title)] if section.title else []
    lines += [_wrapped(section.words)] if section.words else []
    lines += _table(section)
    lines += [_wrapped(line, first="- ", rest="  ") for line in section.lines]
    return "\n".join(lines)


def _table(section: Section) -> list[str]:
    """Labels to the left, numbers to the right, in columns as wide as their widest cell."""
    if not section.table:
        return []
    widths = [max(len(row[place]) for row in (section.head, *section.table)) for place in range(len(section.head))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [_row(section.head, widths)] if any(section.head) else []
    for place, row in enumerate(section.table):
        lines += [rule] if place in section.sums else []
        lines.append(_row(row, widths))
    return lines


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    label, *numbers = cells
    shown = [label.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
    return "  ".join(shown).rstrip()


def _wrapped(text: str, *, first: str = "", rest: str = "") -> str:
    """Broken at blanks (not at no-break spaces, which textwrap would break)."""
    lines, line = list[str](), first
    for word in text.split(" "):
        started = line not in (first, rest)
        if started and len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line, started = rest, False
        line = f"{line} {word}" if started else f"{line}{word}"
    return "\n".join((*lines, line))
