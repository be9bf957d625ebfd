"""Links to invoices: made before the mail is sent, opened with a code, locked after too many wrong ones."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.model.document import Kind
from worker.model.journey import DeliveryState, JourneyState
from worker.model.link import CodeAnswer, CodeRequest, CodeVerdict, LinkState, LinkView
from worker.model.money import Money
from worker.store import codes
from worker.store.database import Database
from worker.store.deliveries import mark_opened
from worker.store.settlement import settled_minor
from worker.store.tables import deliveries, invoices, links, portal_guards

# Wrong codes from one address prefix within an hour before it is told to wait. An office behind one address may
# mistype now and then; somebody guessing has 5 tries a link and needs the links first.
GUARD_LIMIT = 30
GUARD_WINDOW = timedelta(hours=1)
# The row that counts them all: guessing spread over many addresses shows here and nowhere else.
EVERYWHERE = "everywhere"

# New codes a debtor may ask for: with five tries each, all of a link's codes together are guessed once in 18 000 links.
CODES_A_DAY = 3
CODES_A_LINK = 10
CODE_PAUSE = timedelta(minutes=2)
ASKED_LIMIT = 20  # asked for from one address prefix within an hour


def add(db: Database, *, delivery_id: int, token_hash: str, code_mac: str, expires_at: datetime, now: datetime) -> int:
    """Writes a link down before it is sent. A delivery tried again gets another; each of them opens the invoice."""
    with db.begin() as tx:
        return tx.execute(
            insert(links)
            .values(
                delivery_id=delivery_id,
                token_hash=token_hash,
                code_mac=code_mac,
                expires_at=expires_at,
                created_at=now,
            )
            .returning(links.c.id)
        ).scalar_one()


def note_openings(db: Database, *, client: str, now: datetime) -> int:
    """Marks deliveries opened whose link was opened while they could not be moved (still being sent, say).

    Before fallback and at recovery: an invoice the debtor has seen must not go out as a letter. Returns how many.
    """
    with db.begin() as tx:
        late = tx.execute(
            select(links.c.delivery_id)
            .distinct()
            .join(deliveries, deliveries.c.id == links.c.delivery_id)
            .join(invoices, invoices.c.id == deliveries.c.invoice_id)
            .where(
                invoices.c.client == client,
                links.c.opened_at.is_not(None),
                deliveries.c.state.in_([DeliveryState.HANDED_OVER, DeliveryState.EXPIRED, DeliveryState.UNKNOWN]),
            )
            .order_by(links.c.delivery_id)  # locked in one order, whoever does it
        ).scalars()
        return sum(mark_opened(tx, delivery_id, now=now) for delivery_id in late.all())


class StoreLinkBook:
    """The portal's view of the links. `tries`: wrong codes before a link locks."""

    def __init__(self, db: Database, *, tries: int = 5) -> None:
        self._db = db
        self._tries = tries

    def find(self, *, token_hash: str, now: datetime) -> LinkView | None:
        """The link, or None when there is none or its invoice has no document to show. Changes nothing."""
        with self._db.read() as tx:
            row = _row(tx, links.c.token_hash == token_hash)
            settled = settled_minor(tx, row["invoice_id"]) if row is not None else 0
        if row is None or row["stamped_sha256"] is None or row["pdf_sha256"] is None:
            return None
        return LinkView(
            link_id=row["link_id"],
            delivery_id=row["delivery_id"],
            state=_state(row, now),
            language=row["language"] or "nb",
            kind=Kind(row["kind"]),
            is_credit=bool(row["is_credit"]),
            number=row["number"],
            total=Money(row["payable_minor"] or 0, row["currency"] or "NOK"),
            rest=Money((row["payable_minor"] or 0) - settled, row["currency"] or "NOK"),
            due_date=row["due_date"],
            account=row["account"] or "",
            kid=row["kid"] or "",
            stamped_sha256=row["stamped_sha256"],
            pdf_sha256=row["pdf_sha256"],
        )

    def try_code(self, *, link_id: int, code_mac: str, caller: str, now: datetime) -> CodeAnswer:
        """One try, counted. `caller` is a keyed hash of where it comes from. The first right code counts as opened.

        A right code sets the count of wrong ones back. Raises LookupError for an unknown link.
        """
        with self._db.begin() as tx:
            tx.execute(select(links.c.id).where(links.c.id == link_id).with_for_update())
            row = _row(tx, links.c.id == link_id)
            if row is None:
                raise LookupError(f"no link {link_id}")
            if _wrong_codes_from(tx, caller, now) >= GUARD_LIMIT:
                return CodeAnswer(CodeVerdict.SLOW_DOWN)
            state = _state(row, now)
            if state is not LinkState.OPEN:
                return CodeAnswer(CodeVerdict.LOCKED if state is LinkState.LOCKED else CodeVerdict.GONE)
            if not (row["code_mac"] and hmac.compare_digest(row["code_mac"], code_mac)):
                return self._wrong(tx, row, caller, now)
            tx.execute(
                update(links).where(links.c.id == link_id).values(wrong_codes=0, opened_at=row["opened_at"] or now)
            )
            mark_opened(tx, row["delivery_id"], now=now)
            return CodeAnswer(CodeVerdict.RIGHT, first_opening=row["opened_at"] is None)

    def request_code(self, *, link_id: int, caller: str, now: datetime) -> CodeRequest:
        """Writes down that a new code is to be sent to the delivery's own address; nothing is sent here. Counted for
        the link and for where the asker comes from (`caller` as in `try_code`). A locked link may ask: the new code
        unlocks it. Raises LookupError for an unknown link.
        """
        with self._db.begin() as tx:
            tx.execute(select(links.c.id).where(links.c.id == link_id).with_for_update())
            row = _row(tx, links.c.id == link_id)
            if row is None:
                raise LookupError(f"no link {link_id}")
            if _state(row, now).is_over:
                return CodeRequest.GONE
            asking = hashlib.sha256(f"asked {caller}".encode()).hexdigest()
            if _wrong_codes_from(tx, asking, now) >= ASKED_LIMIT:
                return CodeRequest.TOO_MANY
            _count(tx, asking, now)
            if codes.waiting(tx, link_id=link_id) or codes.asked(tx, link_id=link_id, since=now - CODE_PAUSE):
                return CodeRequest.ON_ITS_WAY
            if (
                codes.asked(tx, link_id=link_id, since=now - timedelta(days=1)) >= CODES_A_DAY
                or codes.asked(tx, link_id=link_id, since=row["created_at"] - CODE_PAUSE) >= CODES_A_LINK
            ):
                return CodeRequest.TOO_MANY
            codes.add(tx, link_id=link_id, kind="asked", caller=caller, now=now)
            return CodeRequest.TAKEN

    def _wrong(self, tx: Connection, row: dict[str, Any], caller: str, now: datetime) -> CodeAnswer:
        wrong = row["wrong_codes"] + 1
        left = max(0, self._tries - wrong)
        tx.execute(
            update(links).where(links.c.id == row["link_id"]).values(wrong_codes=wrong, locked_at=None if left else now)
        )
        _count(tx, caller, now)
        everywhere = _count(tx, EVERYWHERE, now)
        # Nobody's wrong codes are kept longer than they are of use.
        tx.execute(delete(portal_guards).where(portal_guards.c.window_start < now - 24 * GUARD_WINDOW))
        verdict = CodeVerdict.WRONG if left else CodeVerdict.LOCKED
        return CodeAnswer(verdict, tries_left=left, wrong_everywhere=everywhere)


def _row(tx: Connection, where: Any) -> dict[str, Any] | None:
    row = tx.execute(_LINKS.where(where)).mappings().first()
    return dict(row) if row is not None else None


def _links_with_invoices() -> Any:
    notes = invoices.alias("notes")
    # Part of an invoice may be credited: only when nothing is left of it is its link over.
    credited = (
        select(func.coalesce(func.sum(func.abs(notes.c.payable_minor)), 0))
        .where(
            notes.c.client == invoices.c.client,
            notes.c.credited_number == invoices.c.number,
            notes.c.currency == invoices.c.currency,
            notes.c.kind == Kind.CREDIT_NOTE,
            notes.c.state != JourneyState.WITHDRAWN,
            invoices.c.kind == Kind.INVOICE,
        )
        .scalar_subquery()
    )
    return (
        select(
            links.c.id.label("link_id"),
            links.c.delivery_id,
            deliveries.c.invoice_id,
            links.c.code_mac,
            links.c.wrong_codes,
            links.c.locked_at,
            links.c.opened_at,
            links.c.expires_at,
            links.c.created_at,
            invoices.c.state.label("invoice_state"),
            invoices.c.language,
            invoices.c.kind,
            invoices.c.is_credit,
            invoices.c.number,
            invoices.c.payable_minor,
            invoices.c.currency,
            invoices.c.due_date,
            invoices.c.account,
            invoices.c.kid,
            invoices.c.stamped_sha256,
            invoices.c.pdf_sha256,
            credited.label("credited_minor"),
        )
        .join(deliveries, deliveries.c.id == links.c.delivery_id)
        .join(invoices, invoices.c.id == deliveries.c.invoice_id)
    )


_LINKS = _links_with_invoices()  # laid out once: every request asks it


def _state(row: dict[str, Any], now: datetime) -> LinkState:
    if row["invoice_state"] == JourneyState.WITHDRAWN:
        return LinkState.WITHDRAWN
    if row["credited_minor"] > 0 and row["credited_minor"] >= (row["payable_minor"] or 0):
        return LinkState.CREDITED
    if row["expires_at"] <= now:
        return LinkState.EXPIRED
    return LinkState.LOCKED if row["locked_at"] is not None else LinkState.OPEN


def _window(now: datetime) -> datetime:
    seconds = int(GUARD_WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _wrong_codes_from(tx: Connection, caller: str, now: datetime) -> int:
    found = tx.execute(
        select(portal_guards.c.wrong_codes).where(
            portal_guards.c.prefix == caller, portal_guards.c.window_start == _window(now)
        )
    ).scalar_one_or_none()
    return found or 0


def _count(tx: Connection, caller: str, now: datetime) -> int:
    """One wrong code more from there; returns how many that makes within the hour."""
    insert_or = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    return tx.execute(
        insert_or(portal_guards)
        .values(prefix=caller, window_start=_window(now), wrong_codes=1)
        .on_conflict_do_update(
            index_elements=["prefix", "window_start"],
            set_={"wrong_codes": portal_guards.c.wrong_codes + 1},
        )
        .returning(portal_guards.c.wrong_codes)
    ).scalar_one()
