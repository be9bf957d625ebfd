"""What the operations page shows: read from the store, said in words. Nothing can be changed from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from worker import telling
from worker.model.bounce import WAITS
from worker.model.journey import JourneyState
from worker.model.letter import RECEIPT_WAITS
from worker.model.parked import PARKED, ParkedReason
from worker.model.waiting import WAITING, WaitReason
from worker.ops.figures import Clients
from worker.store import bounces, figures, overview, pauses, print_receipts, reading, settlement, vouchers
from worker.store.database import Database
from worker.store.rows import InvoiceRow, SlotRow
from worker.support.clock import Clock, is_bank_day, oslo, oslo_date
from worker.telling import channel_name, counts, debtor_name, money, when

SHOWN = 200  # rows of a list; the rest is counted, and the commands list it
TICK = "follow_up"  # runs every ten minutes: only the last is shown


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers each page's questions. `jobs`: those of the timetable, in their order."""

    db: Database
    clock: Clock
    clients: Callable[[], Clients]
    jobs: Sequence[str]

    def now(self) -> str:
        return when(self.clock.now())

    def today(self) -> dict[str, Any]:
        """Runs per client, the queue, and how much waits for a person."""
        now, known = self.clock.now(), self.clients()
        found = figures.read(self.db, clients=[], jobs=[], now=now)
        paused = pauses.paused(self.db)
        names = sorted({*known.running, *known.paused, *known.broken, *(one.client for one in found.invoices)})
        midnight = oslo(oslo_date(now), time())
        return {
            "bank_day": is_bank_day(oslo_date(now)),
            "clients": [
                {
                    "name": name,
                    "paused": telling.paused_words(paused[name]) if name in paused else "",
                    "broken": name in known.broken,
                    "gone": name not in {*known.running, *known.paused, *known.broken},
                    "states": _by_state(found.invoices, name),
                    "runs": [
                        _run(row)
                        for row in _shown(overview.runs_since(self.db, client=name, jobs=self.jobs, since=midnight))
                    ],
                }
                for name in names
            ],
            "queue": [
                {
                    "channel": channel_name(one.channel),
                    "state": one.state,
                    "count": one.count,
                    "due": one.due,
                    "since": when(one.since) or "–",
                    "parked": one.parked,
                }
                for one in overview.queue(self.db, now=now)
            ],
            "postbacks": counts(dict(found.postbacks)),
            "vouchers": counts(_summed((state, count) for _, state, count in found.vouchers)),
            "parked": _summed((one.reason, one.count) for one in found.invoices if one.reason),
            "items": _summed((reason, count) for _, reason, count in found.items),
            "bounces": found.bounces,
            "receipts": found.receipts,
        }

    def parked(self, reason: str) -> dict[str, Any]:
        """The worklist, oldest first. `reason`: one of the closed list, else all."""
        known = reason if reason in set(ParkedReason) else ""
        now = self.clock.now()
        rows = overview.parked(self.db, reason=known, limit=SHOWN + 1)
        return {"reason": known, "more": len(rows) > SHOWN, "rows": [_parked(row, now) for row in rows[:SHOWN]]}

    def waiting(self) -> dict[str, Any]:
        """Money that waits, vouchers refused or held back, and what came back that nobody could match."""
        items = settlement.waiting(self.db)
        return {
            "more": max(0, len(items) - SHOWN),
            "items": [
                {
                    "id": row.id,
                    "client": row.client or "no client yet",
                    "date": f"{row.event_date:%d.%m.%Y}",
                    "what": row.kind,
                    "amount": money(row.amount),
                    "reason": row.reason or "",
                    "note": row.note or WAITING[WaitReason(row.reason or WaitReason.NO_REFERENCE)].meaning,
                    "remedy": WAITING[WaitReason(row.reason or WaitReason.NO_REFERENCE)].remedy,
                }
                for row in items[:SHOWN]
            ],
            "refused": [
                {"id": row.id, "client": row.client, "reference": row.reference, "answer": row.answer[:300]}
                for row in vouchers.refused(self.db)[:SHOWN]
            ],
            "held": [{"client": client, "why": why, "count": count} for client, why, count in vouchers.held(self.db)],
            "bounces": [
                {
                    "id": row.id,
                    "at": when(row.arrived_at or row.noted_at),
                    "reason": row.reason,
                    "detail": row.detail[:300],
                    "remedy": WAITS.get(row.reason, ""),
                }
                for row in bounces.waiting(self.db)[:SHOWN]
            ],
            "receipts": [
                {
                    "id": row.id,
                    "at": when(row.said_at or row.noted_at),
                    "reason": row.reason,
                    "detail": f"{row.status} {row.detail[:300]}".strip(),
                    "remedy": RECEIPT_WAITS.get(row.reason, ""),
                }
                for row in print_receipts.waiting(self.db)[:SHOWN]
            ],
        }

    def story(self, invoice_id: int) -> dict[str, Any]:
        """What `invoice show` says. Raises LookupError."""
        story = reading.story(self.db, invoice_id)
        row = story.invoice
        return {
            "title": telling.title(row),
            "facts": telling.facts(story),
            "warnings": story.warnings,
            "advice": _parked(row, self.clock.now()) if row.state == JourneyState.PARKED else None,
            "considered": telling.considered(story),
            "ways": telling.ways(story),
            "paid": telling.paid(story),
            "events": [
                {"at": when(one.at), "event": one.event, "from": one.from_state or "", "to": one.to_state or "",
                 "detail": one.detail or ""}
                for one in story.events
            ],
        }  # fmt: skip

    def find(self, reference: str) -> list[tuple[int, str]]:
        """Invoices by what `invoice show` takes, at most 50."""
        return [(row.id, telling.title(row)) for row in reading.find(self.db, reference)[:50]]


def _by_state(found: Sequence[figures.InvoiceCount], client: str) -> str:
    return counts(_summed((one.state, one.count) for one in found if one.client == client))


def _summed(pairs: Any) -> dict[str, int]:
    sums: dict[str, int] = {}
    for word, count in pairs:
        sums[word] = sums.get(word, 0) + count
    return dict(sorted(sums.items()))


def _shown(rows: Sequence[SlotRow]) -> list[SlotRow]:
    """All of the day, but of the ticks only the last and those that failed."""
    last = next((row for row in reversed(rows) if row.job == TICK), None)
    return [row for row in rows if row.job != TICK or row is last or row.state == "failed"]


def _run(row: SlotRow) -> dict[str, Any]:
    took = (row.ended_at - row.started_at).total_seconds() if row.ended_at else None
    return {
        "job": row.job,
        "at": when(row.slot)[-5:],
        "state": row.state,
        "fine": row.state in ("done", "running"),
        "took": "" if took is None or row.state == "missed" else f"{took:.0f} s" if took >= 1 else "under 1 s",
        "counts": counts({name: count for name, count in (row.summary or {}).items() if count}),
    }


def _parked(row: InvoiceRow, now: datetime) -> dict[str, Any]:
    known = row.parked_reason in set(ParkedReason)
    facts = PARKED[ParkedReason(row.parked_reason) if known else ParkedReason.UNEXPECTED]
    advice = telling.advice(row)
    days = (now - row.waits_since).days
    return {
        "id": row.id,
        "number": row.number,
        "client": row.client,
        "debtor": debtor_name(row) or row.debtor_code,
        "since": when(row.waits_since),
        "age": "today" if days < 1 else "1 day" if days == 1 else f"{days} days",
        "reason": row.parked_reason or "",
        "detail": row.parked_detail or facts.meaning,
        "owner": advice.owner,
        "remedy": advice.remedy,
        "goes_on": advice.then,
    }
