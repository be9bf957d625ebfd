"""Who carries the documents: access point, print house, mail server, look-up, shelves, rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from worker.adapters.access_point.folder import FolderAccessPoint
from worker.adapters.access_point.phoss_ap import PhossAp
from worker.adapters.bank_files import SftpBankFiles
from worker.adapters.document_store import FolderDocumentStore
from worker.adapters.mail import SmtpServer
from worker.adapters.peppol import PeppolLookup
from worker.adapters.print_house import FolderPrintHouse, SftpPrintHouse
from worker.adapters.rules.client import FolderRules, NoRules
from worker.ports import AccessPoint, BankFiles, ConsumerChannel, DocumentRules, DocumentStore, PrintHouse
from worker.settings import ClientFile, WorkerSettings
from worker.support.http import HttpClient, Timeouts


def build_documents(settings: WorkerSettings) -> DocumentStore:
    """Where document bytes are kept."""
    return FolderDocumentStore(settings.document_store)


def build_rules(settings: WorkerSettings) -> DocumentRules:
    """The official rules of RULES_FOLDER, or none. Raises RulesUnavailable when the folder is not sound."""
    return FolderRules(settings.rules_folder) if settings.rules_folder is not None else NoRules()


# How each provider with many sellers on one account names a seller. Others go by the sender in the document.
TENANT_NAMES: Final[dict[str, tuple[str, str]]] = {
    "storecove": (r"[1-9]\d{0,17}", "the seller's legal entity id at Storecove, digits only"),
    "maventa": (r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "the seller's company EUI at Maventa, a UUID"),
}


def check_tenant(settings: WorkerSettings, client: ClientFile) -> None:
    """Raises ValueError when the access point needs a name for this seller and has none, or one of another kind."""
    wanted = TENANT_NAMES.get(settings.access_point)
    if wanted is not None and not re.fullmatch(wanted[0], client.settings.access_point_tenant, re.ASCII):
        raise ValueError(f"ACCESS_POINT={settings.access_point} needs ACCESS_POINT_TENANT: {wanted[1]}")


def build_access_point(settings: WorkerSettings) -> AccessPoint:
    if settings.access_point == "folder":
        return FolderAccessPoint(settings.access_point_folder)
    timeout = settings.access_point_timeout_seconds
    return PhossAp(
        http=HttpClient(timeouts=Timeouts(read=timeout, write=timeout, total=2 * timeout)),
        base_url=settings.access_point_url,
        token=settings.access_point_token.get_secret_value(),
    )


def build_consumers(settings: WorkerSettings) -> ConsumerChannel | None:
    """The eFaktura provider; None when there is none."""
    del settings
    return None


def check_efaktura(settings: WorkerSettings, client: ClientFile) -> None:
    """Raises ValueError when the client wants eFaktura and nobody takes it to the banks."""
    if client.settings.efaktura == "on" and settings.efaktura_channel == "off":
        raise ValueError("EFAKTURA=on needs EFAKTURA_CHANNEL in worker.env: nobody takes it to the banks")


def build_print_house(settings: WorkerSettings) -> PrintHouse:
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
