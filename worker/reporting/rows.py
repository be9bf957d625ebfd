"""The report's rows for a spreadsheet: every line of the day, then its sums."""

from __future__ import annotations

from datetime import date

from worker.model.completeness import LACKS, Completeness
from worker.model.money import Money
from worker.model.parked import PARKED, ParkedReason
from worker.reporting import words
from worker.store.report_days import ReportDay, Told
from worker.support.spreadsheet import amount_cell

Row = tuple[str, ...]
_OWNERS = {"client": "dere", "factor": "oss", "engineer": "oss"}


def rows_of(day: ReportDay, check: Completeness | None, *, on: date) -> tuple[Row, ...]:
    """Under report.ROW_HEAD. Nothing of a debtor but the customer number."""
    made = _Rows(on, day.client)
    _what_happened(made, day)
    _what_waits(made, day)
    for job, slot in day.missed:
        made.plain("Uteble", what=words.JOBS.get(job, job), when=words.moment(slot))
    for one in check.unexplained if check is not None else ():
        made.plain("Uforklart", number=one.number, note=LACKS[one.lack].norwegian,
                   when=words.moment(one.since) if one.since else "")  # fmt: skip
    if made.rows:
        made.sums(day)
    return tuple(made.rows)


def not_checked_row(client: str, *, on: date, note: str) -> Row:
    """Of a client that has no day, for its file cannot be read."""
    made = _Rows(on, client)
    made.plain("Ikke kontrollert", note=note)
    return made.rows[0]


def _what_happened(made: _Rows, day: ReportDay) -> None:
    for told, at in day.taken:
        made.add("Mottatt", told, when=words.moment(at))
    for one in day.delivered:
        made.add("Levert", one.about, what=words.channel(one.channel), when=words.moment(one.at),
                 note="sendt en gang til" if one.again else "")  # fmt: skip
    for told, at in day.withdrawn:
        made.add("Tatt ut", told, when=words.moment(at), note="behandles for hånd")
    for told, at in day.told:
        made.add("Meldt", told, when=words.moment(at))
    for one in day.turns:
        made.add("Ny vei", one.about, what=words.channel(one.channel), when=words.moment(one.at), note=words.turn(one))
    for told, channel, at in day.refused:
        made.add("Avvist eller i retur", told, what=words.channel(channel), when=words.moment(at))


def _what_waits(made: _Rows, day: ReportDay) -> None:
    for one in day.parked:
        facts = PARKED[ParkedReason(one.reason)]
        note = words.to_mend(one) if facts.owner == "client" else ""
        made.add("Venter", one.about, what=f"venter på {_OWNERS[facts.owner]}", when=words.moment(one.since), note=note)
    for one in day.warned:
        note = words.warning(one)
        if note is not None:
            made.add("Bør rettes", one.about, note=note)
        elif one.code == "ehf_duty":
            made.add("Skulle vært EHF", one.about)


class _Rows:
    def __init__(self, on: date, client: str) -> None:
        self._head = (on.isoformat(), client)
        self.rows: list[Row] = []

    def add(self, part: str, told: Told, *, what: str = "", when: str = "", note: str = "") -> None:
        kind = words.KINDS.get(told.kind, "")
        self._row(part, told.number, kind, told.debtor, what, "1", told.total, when, note)

    def plain(self, part: str, *, number: str = "", what: str = "", when: str = "", note: str = "") -> None:
        self._row(part, number, "", "", what, "1", None, when, note)

    def sums(self, day: ReportDay) -> None:
        """Before + taken - delivered - withdrawn = now."""
        counts = {
            "Under arbeid fra før": day.before,
            "Mottatt": len(day.taken),
            "Levert": day.first_time,
            "Tatt ut": len(day.withdrawn),
            "Under arbeid nå": day.after,
            "Levert, sendt en gang til": len(day.delivered) - day.first_time,
        }
        for what, count in counts.items():
            self._row("Sum", "", "", "", what, str(count), None, "", "")

    def _row(
        self, part: str, number: str, kind: str, debtor: str, what: str, count: str, total: Money | None, when: str,
        note: str,
    ) -> None:  # fmt: skip
        amount, currency = (amount_cell(total), total.currency) if total is not None else ("", "")
        self.rows.append((*self._head, part, number, kind, debtor, what, count, amount, currency, when, note))
