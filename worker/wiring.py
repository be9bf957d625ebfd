"""The only place that builds adapters and hands them to steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from worker import delivery, intake, postback, registration, routing, stamping
from worker.adapters.access_point.folder import FolderAccessPoint
from worker.adapters.access_point.phoss_ap import PhossAp
from worker.adapters.document_store import FolderDocumentStore
from worker.adapters.factor_ledger import FolderFactorLedger
from worker.adapters.mail import SmtpServer
from worker.adapters.peppol import TIMEOUTS as PEPPOL_TIMEOUTS
from worker.adapters.peppol import PeppolLookup
from worker.adapters.poweroffice_go import PowerOfficeGo
from worker.adapters.poweroffice_go.vouchers import PowerOfficeGoVouchers
from worker.adapters.poweroffice_go_v2 import PowerOfficeGoV2Vouchers
from worker.adapters.print_house import FolderPrintHouse, SftpPrintHouse
from worker.adapters.rules.client import FolderRules, NoRules
from worker.adapters.rules.folder import check_folder, write_manifest
from worker.adapters.rules.schematron import compile_schematron
from worker.model.channel import Channel
from worker.model.kid import KidLayout
from worker.ports import AccessPoint, DocumentRules, DocumentStore, Erp, PrintHouse, ReachLookup, VoucherBook
from worker.settings import ClientFile, WorkerSettings, iban_of, load_clients
from worker.settlement import inbox as settlement_inbox
from worker.settlement import posting as settlement_posting
from worker.settlement.making import BookingPlan
from worker.settlement.rules import Role
from worker.settlement.step import MatchingConfig, book_all, match_all
from worker.stamping.notice import NoticeTemplates
from worker.stamping.ubl import EmbeddedInvoice, PaymentAccount
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.http import HttpClient, Timeouts
from worker.support.pace import EvenPacer, Pacer
from worker.support.summary import Summary

POWEROFFICE_REQUESTS_PER_SECOND = 50  # per application key, all clients together (vendor's limit)
POWEROFFICE_V2_REQUESTS_PER_SECOND = 10  # per subscription key, likewise

Step = Callable[[], Awaitable[Summary]]


@dataclass(frozen=True, slots=True)
class House:
    """What all clients share: the factor's settings, the store, the counterparties."""

    settings: WorkerSettings
    clock: Clock
    db: Database
    documents: DocumentStore
    rules: DocumentRules
    access_point: AccessPoint
    lookup: ReachLookup
    print_house: PrintHouse
    mail_server: SmtpServer
    pacer: Pacer
    pacer_v2: Pacer
    halt: Halt
    exits: AsyncExitStack
    settling: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def aclose(self) -> None:
        await self.exits.aclose()


def build_house(settings: WorkerSettings, clock: Clock) -> House:
    """Builds the shared doors. Nothing is called outside yet."""
    exits = AsyncExitStack()
    db = Database(settings.database_url)
    exits.callback(db.close)
    access_point = _access_point(settings)
    exits.push_async_callback(access_point.aclose)
    rules = build_rules(settings)
    exits.push_async_callback(rules.aclose)
    print_house = _print_house(settings)
    exits.push_async_callback(print_house.aclose)
    smp_http = HttpClient(timeouts=PEPPOL_TIMEOUTS, max_bytes=2**20)
    exits.push_async_callback(smp_http.aclose)
    return House(
        settings=settings,
        clock=clock,
        db=db,
        documents=build_documents(settings),
        rules=rules,
        access_point=access_point,
        lookup=PeppolLookup(
            http=smp_http,
            zone=settings.peppol_zone,
            dns_server=_host_port(settings.peppol_dns_server),
            smp_override=settings.peppol_smp_override or None,
        ),
        print_house=print_house,
        mail_server=SmtpServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value(),
            from_address=settings.smtp_from,
            timeout=settings.smtp_timeout_seconds,
            verdict_timeout=max(120.0, settings.smtp_timeout_seconds)
            if settings.environment == "production"
            else settings.smtp_timeout_seconds,
        ),
        pacer=EvenPacer(POWEROFFICE_REQUESTS_PER_SECOND),
        pacer_v2=EvenPacer(POWEROFFICE_V2_REQUESTS_PER_SECOND),
        halt=Halt(),
        exits=exits,
    )


def build_erp(house: House, client: ClientFile) -> Erp:
    """The client's ERP."""
    settings = house.settings
    return PowerOfficeGo(
        http=HttpClient(),
        base_url=settings.poweroffice_url,
        application_key=settings.poweroffice_application_key.get_secret_value(),
        client_key=client.settings.poweroffice_client_key.get_secret_value(),
        replica_lag_seconds=settings.poweroffice_replica_lag_seconds,
        pacer=house.pacer,
    )


def build_vouchers(house: House, client: ClientFile) -> VoucherBook:
    """The client's books."""
    settings = house.settings
    application_key = settings.poweroffice_application_key.get_secret_value()
    client_key = client.settings.poweroffice_client_key.get_secret_value()
    lag = settings.poweroffice_replica_lag_seconds
    if client.settings.vouchers == "v2":
        return PowerOfficeGoV2Vouchers(
            http=HttpClient(),
            base_url=settings.poweroffice_v2_url,
            application_key=application_key,
            client_key=client_key,
            subscription_key=settings.poweroffice_subscription_key.get_secret_value(),
            replica_lag_seconds=lag,
            pacer=house.pacer_v2,
        )
    return PowerOfficeGoVouchers(
        http=HttpClient(),
        base_url=settings.poweroffice_url,
        application_key=application_key,
        client_key=client_key,
        replica_lag_seconds=lag,
        pacer=house.pacer,
    )


def booking_plan(settings: WorkerSettings, client: ClientFile) -> BookingPlan | None:
    """How the client's events become vouchers; None when return data is off. Raises ValueError for what it lacks."""
    own = client.settings
    if own.return_data == "off":
        return None
    if own.vouchers == "v2" and not (
        settings.poweroffice_v2_url and settings.poweroffice_subscription_key.get_secret_value()
    ):
        raise ValueError("VOUCHERS=v2 needs POWEROFFICE_V2_URL and POWEROFFICE_SUBSCRIPTION_KEY in worker.env")
    return BookingPlan(
        accounts={Role(role): account for role, account in own.accounts.items() if account is not None},
        prefix=own.voucher_prefix,
        by_day=own.vouchers_by_day,
    )


def steps_of(house: House, client: ClientFile, erp: Erp) -> dict[str, Step]:
    """The client's steps by the names of day.TIMETABLE, ready to be called."""
    db, clock, documents, name = house.db, house.clock, house.documents, client.name
    own = client.settings
    rules = routing.RoutingRules(
        email_channel=Channel.EMAIL_LINK if own.email_channel == "link" else Channel.EMAIL_PDF,
        print_only_address=own.print_only_address,
        unopened_days=own.unopened_days,
    )
    sending = _delivery_config(house.settings, client)
    carriers = delivery.Carriers(house.access_point, house.mail_server, house.print_house)
    stamper = stamping_config(house.settings, client)
    ledger = FolderFactorLedger(house.settings.ledger_folder)
    return {
        "intake": lambda: intake.run(
            now=clock.now(),
            client=name,
            config=intake.IntakeConfig(own.erp, own.organisation_number),
            db=db,
            erp=erp,
            documents=documents,
        ),
        "stamping": lambda: stamping.run(
            now=clock.now(),
            client=name,
            config=stamper,
            db=db,
            documents=documents,
            rules=house.rules,
            halt=house.halt,
        ),
        "registration": lambda: registration.run(
            now=clock.now(),
            client=name,
            config=registration.RegistrationConfig(own.organisation_number, own.kid_client_number),
            db=db,
            documents=documents,
            ledger=ledger,
        ),
        "routing": lambda: routing.run(now=clock.now(), client=name, rules=rules, db=db, lookup=house.lookup),
        "delivery": lambda: delivery.run(
            clock=clock, client=name, config=sending, db=db, documents=documents, carriers=carriers, halt=house.halt
        ),
        "follow_up": lambda: delivery.run_follow_up(
            clock=clock, client=name, config=sending, db=db, documents=documents, carriers=carriers, halt=house.halt
        ),
        "fallback": lambda: routing.run_fallback(now=clock.now(), client=name, rules=rules, db=db),
        "fallback_refused": lambda: routing.run_fallback(
            now=clock.now(), client=name, rules=rules, db=db, refused_only=True
        ),
        "postback": lambda: postback.run(
            clock=clock, client=name, db=db, erp=erp, documents=documents, halt=house.halt
        ),
        "postback_repeats": lambda: postback.run(
            clock=clock, client=name, db=db, erp=erp, documents=documents, halt=house.halt, repeats_only=True
        ),
        **_settlement_steps(house, client),
    }


def _settlement_steps(house: House, client: ClientFile) -> dict[str, Step]:
    """Files and matching are the house's: the first client whose turn it is does it, the others find nothing.

    They may take minutes (100 000 payments in a file), so they run beside the event loop, one at a time.
    """
    db, clock, settings = house.db, house.clock, house.settings
    plan = booking_plan(settings, client)

    def everybody() -> list[ClientFile]:
        return [*load_clients(settings.clients_folder or Path())[0], client]

    def inbox() -> Summary:
        accounts = {settings.factor_account, *(one.settings.factor_account for one in everybody())} - {""}
        return settlement_inbox.run(
            now=clock.now(),
            folder=settings.inbox_folder,
            own_accounts=frozenset(accounts),
            db=db,
            documents=house.documents,
        )

    def matching() -> Summary:
        config = MatchingConfig(
            clients=frozenset(one.name for one in everybody()),
            factor_account=settings.factor_account,
            payments_from=settings.payments_from,
        )
        return match_all(now=clock.now(), config=config, db=db, halt=house.halt)

    async def beside(work: Callable[[], Summary]) -> Summary:
        async with house.settling:
            return await asyncio.to_thread(work)

    async def posting(*, repeats_only: bool) -> Summary:
        if plan is None:
            return Summary()
        book = build_vouchers(house, client)
        try:
            return await settlement_posting.run(
                clock=clock, client=client.name, db=db, book=book, halt=house.halt, repeats_only=repeats_only
            )
        finally:
            await book.aclose()

    return {
        "settlement_inbox": lambda: beside(inbox),
        "settlement_matching": lambda: beside(matching),
        "settlement_vouchers": lambda: beside(lambda: book_all(now=clock.now(), client=client.name, plan=plan, db=db)),
        "settlement_posting": lambda: posting(repeats_only=False),
        "settlement_repeats": lambda: posting(repeats_only=True),
    }


def stamping_config(settings: WorkerSettings, client: ClientFile) -> stamping.StampingConfig:
    """Raises NoticeError (a notice text that cannot be used) and OSError (the logo)."""
    own = client.settings
    account = own.factor_account or settings.factor_account
    return stamping.StampingConfig(
        client_name=own.client_name,
        client_number=own.kid_client_number,
        factor_name=settings.factor_name,
        factor_organisation_number=settings.factor_organisation_number,
        factor_contact=settings.factor_contact,
        account=account,
        iban=iban_of(account),
        bic=settings.factor_bic,
        days=settings.complaint_days,
        kid_layout=KidLayout.parse(own.kid_layout, algorithm=own.kid_algorithm),
        kid_on_credit_notes=own.kid_on_credit_notes,
        notices=NoticeTemplates(
            family=own.notice_family,
            label=own.notice_version,
            nb=own.notice_nb,
            en=own.notice_en,
            credit_nb=own.notice_credit_nb,
            credit_en=own.notice_credit_en,
        ),
        language=own.language,
        payment_account=PaymentAccount(own.payment_account),
        embedded_invoice=EmbeddedInvoice(own.embedded_invoice),
        factored_type_codes=own.factored_type_codes,
        return_address=settings.factor_return_address,
        accent=own.accent_colour,
        logo=own.logo_file.read_bytes() if own.logo_file else None,
    )


def _delivery_config(settings: WorkerSettings, client: ClientFile) -> delivery.DeliveryConfig:
    own = client.settings
    return delivery.DeliveryConfig(
        client_name=own.client_name,
        factor_name=settings.factor_name,
        factor_contact=settings.factor_contact,
        reply_to=own.reply_to,
        message_id_domain=settings.smtp_from.rpartition("@")[2],
        portal_url=settings.portal_url,
        link_days=settings.link_days,
        unopened_days=own.unopened_days,
        server_key=settings.portal_key.get_secret_value().encode(),
        return_address=settings.factor_return_address,
        letter_colour=own.letter_colour,
        letter_duplex=own.letter_duplex,
    )


def check_rules_folder(folder: Path) -> list[str]:
    """What is wrong with a rule folder; empty when all is well."""
    return check_folder(folder)


def write_rules_manifest(folder: Path, *, valid_from: dict[str, date]) -> list[str]:
    """Writes the folder's manifest; returns a line a rule set. Raises RulesUnavailable."""
    written = write_manifest(folder, valid_from=valid_from)
    return [f"{rules.id}: from {rules.valid_from}" for rules in written.sets]


def compile_rules(source: Path, *, compiler: Path, target: Path) -> None:
    """Compiles Schematron rules to XSLT. Raises RulesUnavailable."""
    compile_schematron(source, compiler=compiler, target=target)


def build_documents(settings: WorkerSettings) -> DocumentStore:
    """Where document bytes are kept."""
    return FolderDocumentStore(settings.document_store)


def build_rules(settings: WorkerSettings) -> DocumentRules:
    """The official rules of RULES_FOLDER, or none. Raises RulesUnavailable when the folder is not sound."""
    return FolderRules(settings.rules_folder) if settings.rules_folder is not None else NoRules()


def _access_point(settings: WorkerSettings) -> AccessPoint:
    if settings.access_point == "folder":
        return FolderAccessPoint(settings.access_point_folder)
    timeout = settings.access_point_timeout_seconds
    return PhossAp(
        http=HttpClient(timeouts=Timeouts(read=timeout, write=timeout, total=2 * timeout)),
        base_url=settings.access_point_url,
        token=settings.access_point_token.get_secret_value(),
    )


def _print_house(settings: WorkerSettings) -> PrintHouse:
    if settings.print_house == "sftp":
        return SftpPrintHouse(
            host=settings.sftp_host,
            port=settings.sftp_port,
            user=settings.sftp_user,
            key_path=settings.sftp_key_path or Path(),
            known_host_key=settings.sftp_host_key,
            remote_dir=settings.sftp_folder,
        )
    return FolderPrintHouse(settings.print_folder)


def _host_port(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    parts = urlsplit(f"//{text}")
    return (parts.hostname or "", parts.port or 53)
