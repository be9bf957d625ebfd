"""The daily statement: it foots, by the posting rules; drawn with head, foot and page numbers; written day by day."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from tests.support.database import prepared
from worker.model.money import Money
from worker.model.settlement import EventKind
from worker.model.voucher import AccountKind, VoucherAccount
from worker.settlement.daily import StatementConfig, run
from worker.settlement.making import Booking, BookingPlan, make
from worker.settlement.notices import direct_payment, notice
from worker.settlement.rules import RULES, Role
from worker.settlement.statement import BookBalance, Section, Statement, StatementLine, effect_of
from worker.settlement.statement_csv import as_csv
from worker.settlement.statement_pdf import LONGEST, as_pdf
from worker.store.database import Database
from worker.store.rows import ItemRow
from worker.support.clock import oslo

pytestmark = pytest.mark.anyio
DAY = date(2026, 11, 25)
MADE = datetime(2026, 11, 25, 14, 31, tzinfo=UTC)


def statement(*lines: StatementLine, opening: int = 0, books: BookBalance | None = None, made: datetime = MADE
              ) -> Statement:  # fmt: skip
    return Statement("nordlys", "Nordlys Bakeri & Ærlig Øl AS", "Eksempel Factoring AS", "986252932", DAY, made,
                     lines, opening, books)  # fmt: skip


def paid(minor: int, *, number: str = "5001", detail: str = "") -> StatementLine:
    return StatementLine(Section.PAYMENTS, "Innbetaling", number, "10001", "24.11.2026", Money(minor), minor, detail)


def fee(minor: int, detail: str = "") -> StatementLine:
    return StatementLine(Section.FEES, "Finansielt gebyr", "", "", "24.11.2026", Money(-minor), -minor, detail)


def pages(made: Statement) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(as_pdf(made))).pages]


def rows(made: Statement) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(made).decode("utf-8-sig")), delimiter=";"))


def item(kind: EventKind, minor: int, number: int = 1, **facts: str) -> ItemRow:
    return ItemRow(
        id=number, file_id=1, source_key=f"feed:{number}", position="", part_of=None, kind=kind, client="nordlys",
        invoice_id=None, event_date=date(2026, 11, 24), amount_minor=minor, currency="NOK", facts=facts,
        state="matched", reason=None, note="", decided_at=None, created_at=MADE,
    )  # fmt: skip


BETWEEN_US = [kind for kind, rule in RULES.items() if all(Role.DEBTOR not in pair for pair in rule.pairs)]


@given(st.lists(st.tuples(st.sampled_from(BETWEEN_US), st.integers(1, 10**9)), min_size=1, max_size=6))
def test_an_event_moves_the_balance_as_its_voucher_moves_the_clearing_account(
    events: list[tuple[EventKind, int]],
) -> None:
    account = {role: VoucherAccount(AccountKind.GENERAL, str(1500 + place)) for place, role in enumerate(Role)}
    bookings = [Booking(item(kind, minor, place), None) for place, (kind, minor) in enumerate(events)]
    made = make(bookings, BookingPlan(accounts=account, prefix="FACT", by_day=False))
    lines = [line for voucher, _ in made for line in voucher.lines if line.account == account[Role.CLEARING]]
    assert sum(line.amount.minor for line in lines) == sum(effect_of(kind, minor) for kind, minor in events)


@given(st.lists(st.integers(-(10**9), 10**9), max_size=8), st.integers(-(10**9), 10**9))
def test_the_statement_foots(amounts: list[int], opening: int) -> None:
    made = statement(*(paid(minor) if minor >= 0 else fee(-minor) for minor in amounts), opening=opening)
    assert made.closing == opening + sum(amounts) == opening + sum(effect for *_, effect in made.sums)
    found = {row[1]: Decimal(row[3].replace(",", ".")) for row in rows(made)[1:]}
    assert found["Inngående saldo"] + found["Endring"] == found["Utgående saldo"] == Decimal(made.closing) / 100


def test_on_paper_it_has_the_balance_first_a_head_and_numbered_pages() -> None:
    books = BookBalance("1510", Money(900000), -2500)
    made = statement(*(paid(125000, number=str(5000 + place)) for place in range(70)), fee(5010, "Rente på forskudd"),
                     opening=100000, books=books)  # fmt: skip
    first, *others = found = pages(made)
    assert len(found) == 2
    assert "Avregning" in first
    assert "25. november 2026" in first
    assert "Nordlys Bakeri & Ærlig Øl AS" in first
    assert "Hendelser til og med 25.11.2026 kl. 15.31" in first
    flat = first.replace("\u00a0", " ")
    for amount in ("1 000,00", "87 500,00", "-50,10", "88 449,90", "9 000,00", "-25,00", "-79 449,90"):
        assert amount in flat, amount
    for place, page in enumerate(found, 1):
        assert f"Side {place} av 2" in page
        assert "Eksempel Factoring AS · Org.nr. 986 252 932" in page
        assert "Faktura" in page, "the columns have their titles on every page"
    assert all("Avregning 25.11.2026 · Nordlys Bakeri & Ærlig Øl AS" in page for page in others)
    assert as_pdf(made) == as_pdf(made)


def test_an_empty_day_and_an_erp_that_is_silent_are_said() -> None:
    [page] = pages(statement())
    assert "Ingen hendelser denne dagen." in page
    assert "Returdata er ikke aktivert" in page
    [page] = pages(statement(books=BookBalance("1510", None), made=datetime(2026, 11, 26, 14, 30, tzinfo=UTC)))
    assert "Regnskapet svarte ikke" in page
    assert "Hele dagen." in page
    assert "Saldo i regnskapet" not in [row[1] for row in rows(statement(books=BookBalance("1510", None)))]


def test_what_has_not_been_read_has_no_amount() -> None:
    unread = StatementLine(Section.TAKEN, "Faktura", "5002", "10001", "", None, 0, "Beløpet er ikke lest ennå")
    read = StatementLine(Section.TAKEN, "Faktura", "5001", "10001", "09.12.2026", Money(125000), 0)
    made = statement(read, unread)
    cells = {row[2]: (row[3], row[4], row[9]) for row in rows(made) if row[1] == "Faktura"}
    assert cells == {"5001": ("1250,00", "NOK", ""), "5002": ("", "", "Beløpet er ikke lest ennå")}
    assert [row[3] for row in rows(made) if row[1] == "Sum Faktura"] == ["1250,00"]
    [page] = pages(made)
    assert page.split("Mottatte fakturaer")[1].replace("\u00a0", " ").count("0,00") == 2, "one amount and its sum"
    assert "Mottatte fakturaer" in pages(statement(unread))[0]


def test_a_long_part_is_told_by_its_sums_on_paper_and_line_by_line_for_a_spreadsheet() -> None:
    made = statement(*[paid(100)] * (LONGEST + 1))
    [page] = pages(made)
    assert f"{LONGEST + 1} linjer: hver av dem står i CSV-filen." in page
    assert "2 001,00" in page.replace("\u00a0", " ")
    assert len([row for row in rows(made) if row[1] == "Innbetaling"]) == LONGEST + 1


@pytest.mark.parametrize(
    "hostile", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\u202eab", "<b>&amp;</b>", "\ud800", "\x00"]
)
def test_others_texts_are_text(hostile: str) -> None:
    made = statement(paid(100, number=hostile, detail=hostile))
    [row] = [row for row in rows(made) if row[1] == "Innbetaling"]
    assert not row[2].startswith(("=", "+", "-", "@", "\t"))
    assert pages(made)


def test_the_notice_says_what_was_paid_and_where_it_is_to_go() -> None:
    known = direct_payment(item(EventKind.DIRECT_PAYMENT, 125000, invoice_number="5002", kid="12345678903"),
                           factor_account="86011117947")  # fmt: skip
    text = notice(
        known, client_name="Nordlys Bakeri AS", factor_name="Eksempel Factoring AS", contact="tlf. 22 00 00 00"
    )
    subject, blank, *_ = text.splitlines()
    assert (subject, blank) == (
        "Betaling av faktura 5002 er kommet til dere i stedet for til Eksempel Factoring AS",
        "",
    )
    for words in ("1\u00a0250,00\u00a0kr", "24. november 2026", "8601.11.17947", "12345678903", "mellomregningskonto"):
        assert words in text
    unknown = direct_payment(item(EventKind.DIRECT_PAYMENT, 100), factor_account="86011117947")
    assert "en faktura" in notice(unknown, client_name="N", factor_name="F", contact="c")


async def test_it_is_written_over_the_same_day_and_empty_days_before_are_not_written(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(db)
    config = StatementConfig(tmp_path / "statements", "Nordlys AS", "Factor AS", "986252932", "86011117947", None)

    def no_book() -> None:
        raise AssertionError("return data is off: nobody asks the ERP")

    async def written(day: date, hour: int) -> list[str]:
        now = oslo(day, time(hour, 30))
        await run(now=now, client="nordlys", config=config, db=db, open_book=no_book)  # type: ignore[arg-type]
        return sorted(path.name for path in (tmp_path / "statements" / "nordlys").iterdir())

    monday = date(2026, 11, 23)
    assert await written(monday, 15) == ["2026-11-23.csv", "2026-11-23.pdf"]
    first = (tmp_path / "statements" / "nordlys" / "2026-11-23.pdf").read_bytes()
    await written(monday, 16)
    second = (tmp_path / "statements" / "nordlys" / "2026-11-23.pdf").read_bytes()
    assert first != second
    assert len(await written(date(2026, 11, 24), 15)) == 4
    whole = (tmp_path / "statements" / "nordlys" / "2026-11-23.pdf").read_bytes()
    assert "Hele dagen" in PdfReader(io.BytesIO(whole)).pages[0].extract_text()
    (tmp_path / "statements").rename(tmp_path / "kept")
    (tmp_path / "statements").write_text("in the way")
    now = oslo(DAY, time(15, 30))
    summary = await run(now=now, client="nordlys", config=config, db=db, open_book=no_book)  # type: ignore[arg-type]
    assert summary.troubled
    db.close()
