"""One client: its ERP, its accounts, its KIDs, its notice, and how the access points know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from worker.doctor.findings import Finding, Verdict, fault, ok, trouble, warning
from worker.model.kid import KidError, KidLayout
from worker.model.outcomes import OutsideError
from worker.model.party import organisation_number
from worker.ports import Checked, CheckedAccessPoint, CheckedConsumerChannel, Erp, VoucherBook
from worker.store.pauses import Pause
from worker.support.clock import oslo_date
from worker.support.wording import counted

_KEYS = "mend POWEROFFICE_CLIENT_KEY, or ask the client to open the factoring integration in Go again"
_BOOKS = "mend what `erp` says of the key, or ask for the privileges for vouchers and accounts"
_AWAY = "see whether the ERP is up; mend POWEROFFICE_URL"


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the ERP's key needs: name to what for. `certain`: names its documents give; others are by their pattern."""

    needed: Mapping[str, str]
    certain: frozenset[str]
    where: str  # who switches them on, and how
    module: str  # what to do when the client's own system lacks what a privilege needs


async def erp(erp: Erp, *, expected: str, privileges: Privileges) -> list[Finding]:
    """Whose key it is, what it may do, and whether list and customer cards can be read. Nothing is changed."""
    try:
        who = await erp.identity()
    except OutsideError as error:
        return [trouble(error, denied=_KEYS, away=_AWAY)]
    found: list[Finding] = []
    theirs = organisation_number(who.organisation_number) or who.organisation_number
    if not theirs:
        found.append(
            warning("the ERP does not say whose key it is", "the client fills in its organisation number in Go")
        )
    elif theirs != expected:
        found.append(
            fault(
                f"the key is another company's ({theirs})",
                "get the right key from the client, or mend ORGANISATION_NUMBER",
            )
        )
    found += _privileges(privileges, granted=who.privileges, invalid=who.invalid_privileges)
    try:
        waiting = [row async for row in erp.available_invoices()]
        await erp.debtor_cards(codes=["1"])
    except OutsideError as error:
        told = any(one.verdict is Verdict.FAULT and one.what.startswith("privilege") for one in found)
        denied = "mend the privileges named above" if told else privileges.where
        return [*found, trouble(error, denied=denied, away=_AWAY)]
    wait = counted(len(waiting), "invoice")
    return [*found, ok(f"the key is right; list and customer cards can be read, {wait} waiting")]


def _privileges(wanted: Privileges, *, granted: frozenset[str], invalid: frozenset[str]) -> list[Finding]:
    found: list[Finding] = []
    for name, purpose in wanted.needed.items():
        if name in invalid:
            found.append(fault(f"privilege {name} ({purpose}) does not work for this client", wanted.module))
        elif name not in granted and name in wanted.certain:
            found.append(fault(f"privilege {name} ({purpose}) is missing", wanted.where))
        elif name not in granted:
            found.append(warning(f"privilege {name} ({purpose}) is not named among those granted", wanted.where))
    lacking = len(found)
    if lacking < len(wanted.needed):
        found.append(ok(f"{len(wanted.needed) - lacking} of {len(wanted.needed)} privileges are granted"))
    return found


async def accounts(
    book: VoucherBook, *, faults: Sequence[str], unknown: OutsideError | None, remedy: str, today: date
) -> list[Finding]:
    """`faults`: accounts that cannot be posted on; `unknown`: why the ERP did not say. Tells the lock date."""
    if unknown is not None:  # the lock date would meet the same
        return [trouble(unknown, denied=_BOOKS, away=_AWAY)]
    found = [fault(one, remedy) for one in faults]
    try:
        locked = await book.lock_date()
    except OutsideError as error:
        return [*found, trouble(error, denied=_BOOKS, away=_AWAY)]
    if locked is not None and locked >= today:
        found.append(
            fault(f"the books are locked until {locked:%d.%m.%Y}", "the client opens the period in Go: vouchers wait")
        )
    told = f"locked until {locked:%d.%m.%Y}" if locked else "no lock date"
    return [*found, ok(f"the books answer; {told}")] if found else [ok(f"every account is there and open; {told}")]


# --- KID ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KidUse:
    """How one client's KIDs are made, and on which account they are paid."""

    client: str
    account: str
    layout: KidLayout
    number: str


def kid(own: KidUse, others: Sequence[KidUse]) -> list[Finding]:
    """An example to hold against the bank's agreement, and whether another client's KIDs may be the same."""
    try:
        example = own.layout.example(client=own.number)
    except KidError as error:
        return [fault(f"no KID can be made: {error}", "mend KID_LAYOUT and KID_CLIENT_NUMBER")]
    found = [
        fault(
            f"its KIDs may be the same as {other.client}'s, on the same account",
            "give each its own KID_CLIENT_NUMBER, with a client part in KID_LAYOUT, as agreed with the bank",
        )
        for other in others
        if meet(own, other)
    ]
    return [
        *found,
        ok(
            f"KIDs look like {example}: {own.layout.length} digits, {own.layout.algorithm};"
            " only the bank's agreement for the account can say that it is right"
        ),
    ]


def meet(one: KidUse, other: KidUse) -> bool:
    """Whether two clients' KIDs may be the same on the same account."""
    if one.account != other.account:
        return False
    try:
        return one.layout.may_meet(one.number, other.layout, other.number)
    except KidError:  # told for the client whose it is
        return False


# --- the rest -------------------------------------------------------------------------------------


def notice(rendered: Mapping[str, str], *, faults: Sequence[str], account: str, iban: str) -> list[Finding]:
    """`rendered`: language to the text for an invoice. It has to say where to pay."""
    found = [fault(one, "mend NOTICE_NB, NOTICE_EN and their like; placeholders: docs/settings.md") for one in faults]
    for language, text in rendered.items():
        bare = "".join(sign for sign in text if sign.isalnum())
        if account not in bare and iban not in bare:
            found.append(warning(f"the text ({language}) does not name the account", "put {account} into it"))
    return found or [ok(f"renders in {' and '.join(rendered)}, for invoices and credit notes")]


async def access_point(point: CheckedAccessPoint, *, sender: str, tenant: str) -> list[Finding]:
    try:
        seen = await point.check(sender=sender, tenant=tenant)
    except OutsideError as error:
        return [
            trouble(
                error,
                denied="mend the access point's keys in worker.env, and ACCESS_POINT_TENANT here",
                away="see whether it is up; mend its address in worker.env",
            )
        ]
    return [_told(seen)]


async def efaktura(channel: CheckedConsumerChannel, *, tenant: str) -> list[Finding]:
    try:
        seen = await channel.check(tenant=tenant)
    except OutsideError as error:
        return [
            trouble(
                error,
                denied="mend the provider's keys in worker.env, and EFAKTURA_TENANT here",
                away="see whether it is up; mend its address in worker.env",
            )
        ]
    return [_told(seen)]


def _told(seen: Checked) -> Finding:
    return ok(f"{seen.words}; it cannot be asked {seen.unproven}" if seen.unproven else seen.words)


def report(to: Sequence[str]) -> list[Finding]:
    """`to`: who gets the client's daily report. What the client must mend stands nowhere else."""
    if not to:
        what = "REPORT_TO is blank: nobody at the client hears what it must mend"
        return [warning(what, "write into it who at the client is to get the daily report")]
    return [ok(f"the daily report goes to {counted(len(to), 'address', 'addresses')}")]


def pause(paused: Pause | None) -> list[Finding]:
    """Somebody has to remember it."""
    if paused is None:
        return [ok("not paused")]
    what = f"paused since {oslo_date(paused.paused_at):%d.%m.%Y} by {paused.paused_by}: {paused.note}"
    return [warning(what, f"`factoring-worker client resume {paused.client}` when it is to go on")]
