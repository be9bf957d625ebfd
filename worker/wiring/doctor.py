"""The doctor's checks, each with the adapter it asks. Nothing of the day is run, nobody's budget is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from worker import stamping
from worker.adapters.poweroffice_go import PowerOfficeGo, privileges
from worker.adapters.poweroffice_go.vouchers import PowerOfficeGoVouchers
from worker.adapters.poweroffice_go_v2 import PowerOfficeGoV2Vouchers
from worker.doctor import clients as of_client
from worker.doctor import machine, outside
from worker.doctor.clients import KidUse, Privileges
from worker.doctor.findings import Check, Finding, Result, examine, fault
from worker.model.kid import KidLayout
from worker.model.party import email_addresses
from worker.ports import RulesUnavailable, VoucherBook
from worker.settings import ClientFile, SettingsError, WorkerSettings
from worker.settlement.accounts import REMEDY, check_accounts
from worker.settlement.rules import Role
from worker.stamping.notice import NoticeError, NoticeValues
from worker.store import pauses
from worker.store.database import Database, SchemaError, require_head
from worker.support.clock import Clock, oslo_date
from worker.support.halt import Halt
from worker.support.http import HttpClient, HttpTrouble, Timeouts
from worker.wiring.counterparties import (
    build_access_point,
    build_bank_files,
    build_consumers,
    build_documents,
    build_lookup,
    build_mail_server,
    build_maventa,
    build_print_house,
    build_rules,
)
from worker.wiring.mail import build_bounce_box
from worker.wiring.rule_folders import check_rules_folder
from worker.wiring.steps import stamping_config

_SECONDS = 8.0  # for an adapter's own waits, so that it says why before the check is given up
_TIMEOUTS = Timeouts(connect=5.0, read=_SECONDS, write=5.0, total=10.0)


async def _shortly(seconds: float) -> None:
    """Retries of reads are kept, their long waits are not: a person is waiting."""
    await asyncio.sleep(min(seconds, 0.3))


async def run_doctor(
    settings: WorkerSettings,
    clients: Sequence[ClientFile],
    bad: Sequence[SettingsError],
    *,
    only: str | None,
    path: Path,
    clock: Clock,
) -> list[Result]:
    """Every check of what all clients share, then those of each client, or of the one named. Read-only."""
    async with AsyncExitStack() as exits:
        quick = settings.model_copy(
            update={
                key: min(getattr(settings, key), _SECONDS)
                for key in ("access_point_timeout_seconds", "smtp_timeout_seconds", "imap_timeout_seconds")
            }
        )
        room = _Room(quick, clients, bad, only, path, clock, exits)
        return await examine([*room.shared(), *(check for one in room.chosen for check in room.of_client(one))])


class _Room:
    """What the checks share. Adapters are built when a check asks for them, so that a fault in one stays its own."""

    def __init__(
        self,
        settings: WorkerSettings,
        clients: Sequence[ClientFile],
        bad: Sequence[SettingsError],
        only: str | None,
        path: Path,
        clock: Clock,
        exits: AsyncExitStack,
    ) -> None:
        self.settings = settings
        self.clients = clients
        self.bad = bad
        self.path = path
        self.clock = clock
        self.exits = exits
        self.chosen = [client for client in clients if only in (None, client.name)]
        self.db = Database(settings.database_url)
        exits.callback(self.db.close)
        self.maventa = build_maventa(settings, _shortly)
        if self.maventa is not None:
            exits.push_async_callback(self.maventa.aclose)

    def http(self) -> HttpClient:
        http = HttpClient(timeouts=_TIMEOUTS)
        self.exits.push_async_callback(http.aclose)
        return http

    # --- what all clients share -------------------------------------------------------------------

    def shared(self) -> list[Check]:
        settings, now = self.settings, self.clock.now()
        found = [
            Check("settings", "", self._beside(self._settings)),
            Check("clock", "", self._clock),
            Check("time_zone", "", self._beside(lambda: machine.time_zone(year=oslo_date(now).year))),
            Check("database", "", self._beside(lambda: machine.database(self.db, now=now))),
            Check("documents", "", self._beside(self._documents)),
            Check("folders", "", self._beside(self._folders)),
            Check("rules", "", self._rules),
            Check("mail_server", "", lambda: outside.mail_server(build_mail_server(settings))),
            Check("print_house", "", self._print_house),
            Check("peppol", "", self._peppol),
            Check("portal", "", self._portal),
        ]
        if settings.imap_host:
            found.append(Check("bounce_mailbox", "", self._bounces))
        if settings.inbox == "sftp":
            found.append(Check("bank_files", "", self._bank_files))
        return found

    def _beside(self, look: Callable[[], list[Finding]]) -> Callable[[], Awaitable[list[Finding]]]:
        return lambda: asyncio.to_thread(look)

    def _settings(self) -> list[Finding]:
        bad: dict[str, list[str]] = {}
        for error in self.bad:
            bad.setdefault(error.file, []).extend(error.faults)
        return machine.settings_files(
            self.path, self.settings.clients_folder or Path(), good=[one.name for one in self.clients], bad=bad
        )

    async def _clock(self) -> list[Finding]:
        """Compared with the ERP's host, which every worker talks to; no key is needed for the date."""
        try:
            answer = await self.http().request("GET", f"{self.settings.poweroffice_url}/", max_bytes=2**20)
        except HttpTrouble as error:
            return [fault(f"the ERP's host does not answer ({error.reason})", "see whether the network leads out")]
        return machine.clock(answer.headers.get("date", ""), now=self.clock.now(), who="the ERP's host")

    def _documents(self) -> list[Finding]:
        try:
            store = build_documents(self.settings)
        except ValueError as error:
            return [fault(str(error), "install it, or use a folder")]
        return machine.documents(store)

    def _folders(self) -> list[Finding]:
        settings = self.settings
        named = {
            "LEDGER_FOLDER": settings.ledger_folder,
            "INBOX_FOLDER": settings.inbox_folder,
            "STATEMENT_FOLDER": settings.statement_folder,
        }
        if settings.access_point == "folder":
            named["ACCESS_POINT_FOLDER"] = settings.access_point_folder
        return machine.folders(named)

    async def _rules(self) -> list[Finding]:
        folder = self.settings.rules_folder
        wrong = await asyncio.to_thread(check_rules_folder, folder) if folder is not None else []
        if wrong:
            return machine.rules(wrong, described="")
        try:
            rules = build_rules(self.settings)
        except RulesUnavailable as error:
            return machine.rules([str(error)], described="")
        self.exits.push_async_callback(rules.aclose)
        return machine.rules([], described=rules.describe())

    async def _print_house(self) -> list[Finding]:
        try:
            house = build_print_house(self.settings)
        except ValueError as error:
            return [fault(f"SFTP_HOST_KEY: {error}", "write the line the print house gave you")]
        self.exits.push_async_callback(house.aclose)
        return await outside.print_house(house)

    async def _bank_files(self) -> list[Finding]:
        try:
            files = build_bank_files(self.settings)
        except ValueError as error:
            return [fault(f"INBOX_SFTP_HOST_KEY: {error}", "write the line the bank gave you")]
        if files is None:
            return []
        self.exits.push_async_callback(files.aclose)
        return await outside.bank_files(files)

    async def _bounces(self) -> list[Finding]:
        box = build_bounce_box(self.settings, self.db, Halt())
        return await outside.bounce_mailbox(box.mailbox) if box is not None else []

    async def _peppol(self) -> list[Finding]:
        settings = self.settings
        own = f"0192:{settings.factor_organisation_number}"
        return await outside.peppol(
            build_lookup(settings, self.http()), own=own, production=settings.environment == "production"
        )

    async def _portal(self) -> list[Finding]:
        settings = self.settings
        listens = (settings.portal_host, settings.portal_port)
        return await outside.portal(self.http(), public_url=settings.portal_url, listens=listens, now=self.clock.now())

    # --- one client -------------------------------------------------------------------------------

    def of_client(self, client: ClientFile) -> list[Check]:
        own, name = client.settings, client.name
        found = [
            Check("erp", name, lambda: self._erp(client)),
            Check("kid", name, self._beside(lambda: self._kid(client))),
            Check("notice", name, self._beside(lambda: self._notice(client))),
            Check("access_point", name, lambda: self._access_point(client)),
            Check("report", name, self._beside(lambda: of_client.report(email_addresses(own.report_to)))),
            Check("pause", name, self._beside(lambda: self._pause(client))),
        ]
        if own.return_data == "on":
            found.append(Check("accounts", name, lambda: self._accounts(client)))
        if own.efaktura == "on":
            found.append(Check("efaktura", name, lambda: self._efaktura(client)))
        return found

    async def _erp(self, client: ClientFile) -> list[Finding]:
        settings, own = self.settings, client.settings
        # Without the pacer that workers share: a handful of calls, and a broken database is told elsewhere.
        erp = PowerOfficeGo(
            http=self.http(),
            base_url=settings.poweroffice_url,
            application_key=settings.poweroffice_application_key.get_secret_value(),
            client_key=own.poweroffice_client_key.get_secret_value(),
            replica_lag_seconds=0.0,
            sleep=_shortly,
        )
        vouchers = own.return_data == "on" and own.vouchers == "v1"
        needed = {**privileges.FACTORING, **(privileges.RETURN_DATA if vouchers else {})}
        wanted = Privileges(needed, privileges.CERTAIN, privileges.WHERE, privileges.MODULE)
        return await of_client.erp(erp, expected=own.organisation_number, privileges=wanted)

    async def _accounts(self, client: ClientFile) -> list[Finding]:
        book = self._book(client)
        named = {Role(role): account for role, account in client.settings.accounts.items() if account is not None}
        check = await check_accounts(accounts=named, book=book)
        return await of_client.accounts(
            book,
            faults=[str(finding) for finding in check.findings],
            unknown=check.trouble,
            remedy=REMEDY,
            today=oslo_date(self.clock.now()),
        )

    def _book(self, client: ClientFile) -> VoucherBook:
        settings = self.settings
        application_key = settings.poweroffice_application_key.get_secret_value()
        client_key = client.settings.poweroffice_client_key.get_secret_value()
        if client.settings.vouchers == "v2":
            return PowerOfficeGoV2Vouchers(
                http=self.http(),
                base_url=settings.poweroffice_v2_url,
                application_key=application_key,
                client_key=client_key,
                subscription_key=settings.poweroffice_subscription_key.get_secret_value(),
                replica_lag_seconds=0.0,
                sleep=_shortly,
            )
        return PowerOfficeGoVouchers(
            http=self.http(),
            base_url=settings.poweroffice_url,
            application_key=application_key,
            client_key=client_key,
            replica_lag_seconds=0.0,
            sleep=_shortly,
        )

    def _kid(self, client: ClientFile) -> list[Finding]:
        return of_client.kid(
            kid_use(self.settings, client), [kid_use(self.settings, one) for one in self.clients if one is not client]
        )

    def _notice(self, client: ClientFile) -> list[Finding]:
        try:
            config = stamping_config(self.settings, client)
        except (ValueError, OSError) as error:
            return [fault(str(error), "mend the client's file")]
        texts, wrong = rendered_notices(config)
        return of_client.notice(texts, faults=wrong, account=config.account, iban=config.iban)

    async def _access_point(self, client: ClientFile) -> list[Finding]:
        point = build_access_point(self.settings, self.maventa, self.db, self.clock)
        self.exits.push_async_callback(point.aclose)
        own = client.settings
        return await of_client.access_point(
            point, sender=f"0192:{own.organisation_number}", tenant=own.access_point_tenant
        )

    async def _efaktura(self, client: ClientFile) -> list[Finding]:
        channel = build_consumers(self.settings, self.maventa)
        if channel is None:  # load_all_clients has refused such a file
            return []
        own = client.settings
        return await of_client.efaktura(channel, tenant=own.efaktura_tenant or own.access_point_tenant)

    def _pause(self, client: ClientFile) -> list[Finding]:
        try:
            require_head(self.db)
            paused = pauses.paused(self.db).get(client.name)
        except SchemaError:
            return []  # told by `database`
        return of_client.pause(paused)


def kid_use(settings: WorkerSettings, client: ClientFile) -> KidUse:
    """How the client's KIDs are made, and on which account they are paid."""
    own = client.settings
    layout = KidLayout.parse(own.kid_layout, algorithm=own.kid_algorithm)
    return KidUse(client.name, own.factor_account or settings.factor_account, layout, own.kid_client_number)


def rendered_notices(config: stamping.StampingConfig) -> tuple[Mapping[str, str], list[str]]:
    """The texts for invoices by language, and what is wrong with any of the four."""
    values = NoticeValues(
        factor=config.factor_name,
        factor_organisation_number=config.factor_organisation_number,
        account=config.account,
        iban=config.iban,
        bic=config.bic,
        kid="1234567897",
        client=config.client_name,
        contact=config.factor_contact,
        days=config.days,
    )
    texts: dict[str, str] = {}
    wrong: list[str] = []
    for language in ("nb", "en"):
        for credit in (False, True):
            try:
                text = config.notices.render(credit=credit, language=language, values=values).text
            except NoticeError as error:
                wrong.append(str(error))
            else:
                if not credit:
                    texts[language] = text
    return texts, wrong
