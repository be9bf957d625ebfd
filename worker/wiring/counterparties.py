"""Who carries the documents: access point, print house, mail server, look-up, shelves, rules."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from worker.adapters.access_point.folder import FolderAccessPoint
from worker.adapters.access_point.phoss_ap import PhossAp
from worker.adapters.bank_files import SftpBankFiles
from worker.adapters.document_store import FolderDocumentStore
from worker.adapters.mail import SmtpServer
from worker.adapters.maventa import MaventaAccessPoint, MaventaConnection, MaventaConsumerChannel
from worker.adapters.peppol import PeppolLookup
from worker.adapters.print_house import FolderPrintHouse, SftpPrintHouse
from worker.adapters.rules.client import FolderRules, NoRules
from worker.adapters.storecove import Storecove
from worker.ports import (
    BankFiles,
    CheckedAccessPoint,
    CheckedConsumerChannel,
    CheckedPrintHouse,
    DocumentRules,
    DocumentStore,
    Notice,
)
from worker.settings import ClientFile, WorkerSettings
from worker.store import notices
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.http import HttpClient, Timeouts
from worker.support.retry import Sleep


def build_documents(settings: WorkerSettings) -> DocumentStore:
    """Where document bytes are kept. Raises ValueError when the library for S3 is not installed."""
    if not settings.document_store.startswith("s3://"):
        return FolderDocumentStore(Path(settings.document_store))
    try:
        from worker.adapters.document_store.s3 import S3DocumentStore  # noqa: PLC0415 - an extra
    except ImportError:
        raise ValueError("DOCUMENT_STORE=s3://… needs its library: install factoring-worker[s3]") from None
    bucket, _, prefix = settings.document_store.removeprefix("s3://").partition("/")
    return S3DocumentStore(
        bucket=bucket,
        prefix=prefix,
        region=settings.document_store_region,
        endpoint=settings.document_store_endpoint,
        access_key_id=settings.document_store_access_key_id,
        secret_access_key=settings.document_store_secret_access_key.get_secret_value(),
    )


def build_rules(settings: WorkerSettings) -> DocumentRules:
    """The official rules of RULES_FOLDER, or none. Raises RulesUnavailable when the folder is not sound."""
    return FolderRules(settings.rules_folder) if settings.rules_folder is not None else NoRules()


LONGEST_ANSWER = 2**20  # bytes: an access point's answers are a few hundred

# How each provider with many sellers on one account names a seller. Others go by the sender in the document.
TENANT_NAMES: Final[dict[str, tuple[str, str]]] = {
    "storecove": (r"[1-9]\d{0,17}", "the seller's legal entity id at Storecove, digits only"),
    "maventa": (r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "the seller's company id at Maventa, a UUID"),
}


def check_tenant(settings: WorkerSettings, client: ClientFile) -> None:
    """Raises ValueError when the access point needs a name for this seller and has none, or one of another kind."""
    wanted = TENANT_NAMES.get(settings.access_point)
    if wanted is not None and not re.fullmatch(wanted[0], client.settings.access_point_tenant, re.ASCII):
        raise ValueError(f"ACCESS_POINT={settings.access_point} needs ACCESS_POINT_TENANT: {wanted[1]}")


@dataclass(frozen=True, slots=True)
class StoredNotices:
    """ports.NoticeShelf in the store, one shelf a provider."""

    db: Database
    clock: Clock
    provider: str

    def keep(self, notice: Notice) -> None:
        row = notices.NoticeRow(notice.id, notice.key, notice.reference, notice.word, notice.content)
        notices.keep(self.db, row, provider=self.provider, now=self.clock.now())

    def about(self, *, key: str, reference: str) -> list[Notice]:
        kept = notices.about(self.db, provider=self.provider, key=key, reference=reference)
        return [Notice(row.notice_id, row.key, row.reference, row.word, row.content) for row in kept]


def build_access_point(
    settings: WorkerSettings, maventa: MaventaConnection | None, db: Database, clock: Clock
) -> CheckedAccessPoint:
    if maventa is not None and settings.access_point == "maventa":
        return MaventaAccessPoint(maventa)
    if settings.access_point == "folder":
        return FolderAccessPoint(settings.access_point_folder)
    timeout = settings.access_point_timeout_seconds
    http = HttpClient(
        timeouts=Timeouts(read=timeout, write=timeout, total=2 * timeout),
        max_bytes=LONGEST_ANSWER,
        who=settings.access_point,
    )
    if settings.access_point == "storecove":
        return Storecove(
            http=http,
            base_url=settings.storecove_url,
            api_key=settings.storecove_api_key.get_secret_value(),
            shelf=StoredNotices(db, clock, "storecove"),
        )
    return PhossAp(
        http=http,
        base_url=settings.access_point_url,
        token=settings.access_point_token.get_secret_value(),
    )


def build_maventa(settings: WorkerSettings, sleep: Sleep = asyncio.sleep) -> MaventaConnection | None:
    """The line that EHF and eFaktura share; None when neither goes by Maventa."""
    if "maventa" not in (settings.access_point, settings.efaktura_channel):
        return None
    timeout = settings.access_point_timeout_seconds
    return MaventaConnection(
        http=HttpClient(
            timeouts=Timeouts(read=timeout, write=timeout, total=2 * timeout), max_bytes=LONGEST_ANSWER, who="maventa"
        ),
        base_url=settings.maventa_url,
        user_key=settings.maventa_user_key.get_secret_value(),
        vendor_key=settings.maventa_vendor_key.get_secret_value(),
        scope=settings.maventa_scope,
        sleep=sleep,
    )


def build_consumers(settings: WorkerSettings, maventa: MaventaConnection | None) -> CheckedConsumerChannel | None:
    """The eFaktura provider; None when there is none."""
    return MaventaConsumerChannel(maventa) if settings.efaktura_channel == "maventa" and maventa is not None else None


def check_efaktura(settings: WorkerSettings, client: ClientFile) -> None:
    """Raises ValueError when the client wants eFaktura and nobody takes it to the banks."""
    if client.settings.efaktura == "on" and settings.efaktura_channel == "off":
        raise ValueError("EFAKTURA=on needs EFAKTURA_CHANNEL in worker.env: nobody takes it to the banks")
    wanted = TENANT_NAMES.get(settings.efaktura_channel)
    tenant = client.settings.efaktura_tenant or client.settings.access_point_tenant
    if client.settings.efaktura == "on" and wanted is not None and not re.fullmatch(wanted[0], tenant, re.ASCII):
        raise ValueError(f"EFAKTURA=on needs EFAKTURA_TENANT: {wanted[1]}")


def build_print_house(settings: WorkerSettings) -> CheckedPrintHouse:
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


def build_bank_files(settings: WorkerSettings) -> BankFiles | None:
    """The bank's server; None when settlement files are laid in the folder by others."""
    if settings.inbox == "folder":
        return None
    return SftpBankFiles(
        host=settings.inbox_sftp_host,
        port=settings.inbox_sftp_port,
        user=settings.inbox_sftp_user,
        key_path=settings.inbox_sftp_key_path or Path(),
        known_host_key=settings.inbox_sftp_host_key,
        remote_dir=settings.inbox_sftp_folder,
    )


def build_lookup(settings: WorkerSettings, http: HttpClient) -> PeppolLookup:
    return PeppolLookup(
        http=http,
        zone=settings.peppol_zone,
        dns_server=_host_port(settings.peppol_dns_server),
        smp_override=settings.peppol_smp_override or None,
    )


def build_mail_server(settings: WorkerSettings) -> SmtpServer:
    return SmtpServer(
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
    )


def _host_port(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    parts = urlsplit(f"//{text}")
    return (parts.hostname or "", parts.port or 53)
