"""The hard lock between demo, test and production (design §9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from worker.settings.worker import WorkerSettings

LIVE_HOSTS = {"api.poweroffice.net", "goapi.poweroffice.net", "ax.maventa.com"}
MAVENTA_STAGE = "ax-stage.maventa.com"
LIVE_ZONE = "participant.sml.prod.tech.peppol.org"
LOCAL = {"localhost", "127.0.0.1", "::1"}


# The vendors' own test environments.
TEST_HOSTS = {"api-demo.poweroffice.net", MAVENTA_STAGE}


def hosts_of(settings: WorkerSettings) -> dict[str, str]:
    """Every host the settings name, by key; empty where none is named or it is not used. A test holds that none is left
    out."""
    hosts = {
        "DATABASE_URL": urlsplit(settings.database_url).hostname or "",
        "PEPPOL_DNS_SERVER": urlsplit(f"//{settings.peppol_dns_server}").hostname or "",
        "PEPPOL_SMP_OVERRIDE": urlsplit(settings.peppol_smp_override).hostname or "",
        "POWEROFFICE_URL": urlsplit(settings.poweroffice_url).hostname or "",
        "POWEROFFICE_V2_URL": urlsplit(settings.poweroffice_v2_url).hostname or "",
        "ACCESS_POINT_URL": urlsplit(settings.access_point_url).hostname or "",
        "MAVENTA_URL": urlsplit(settings.maventa_url).hostname or "",
        "STORECOVE_URL": urlsplit(_storecove(settings)).hostname or "",
        "PORTAL_URL": urlsplit(settings.portal_url).hostname or "",
        "DOCUMENT_STORE_ENDPOINT": urlsplit(settings.document_store_endpoint).hostname or "",
        "PING_URL": urlsplit(settings.ping_url.get_secret_value()).hostname or "",
        "SMTP_HOST": settings.smtp_host,
        "IMAP_HOST": settings.imap_host,
        "SFTP_HOST": settings.sftp_host if settings.print_house == "sftp" else "",
        "INBOX_SFTP_HOST": settings.inbox_sftp_host if settings.inbox == "sftp" else "",
    }
    return {key: host.lower().rstrip(".") for key, host in hosts.items()}


def faults(settings: WorkerSettings) -> list[str]:
    """The hard lock of design §9: demo and test never meet a live host, production never the sandbox."""
    found: list[str] = []
    hosts = hosts_of(settings)
    if settings.environment == "demo":
        found += [f"ENVIRONMENT=demo allows only this machine: {k}" for k, h in hosts.items() if h and h not in LOCAL]
        if settings.document_store.startswith("s3://") and not settings.document_store_endpoint:
            found.append("ENVIRONMENT=demo allows only this machine: DOCUMENT_STORE")
        if not (settings.peppol_smp_override and settings.peppol_dns_server):
            found.append("ENVIRONMENT=demo needs PEPPOL_DNS_SERVER and PEPPOL_SMP_OVERRIDE on this machine")
    if settings.environment == "test":
        found += [
            f"ENVIRONMENT=test refuses the live host in {k}"
            for k, h in hosts.items()
            if h in LIVE_HOSTS and not (k == "POWEROFFICE_V2_URL" and _demo_path(settings))
        ]
        if hosts["STORECOVE_URL"] not in ("", *LOCAL) and settings.storecove_account == "live":
            found.append("ENVIRONMENT=test needs STORECOVE_ACCOUNT=sandbox: both kinds have the same address")
        if settings.peppol_zone == LIVE_ZONE and not settings.peppol_dns_server:
            found.append("ENVIRONMENT=test refuses the live PEPPOL_ZONE")
    if settings.environment == "production":
        found += _production(settings, hosts)
    return found


def _relative_file(database_url: str) -> bool:
    kind, _, path = database_url.partition(":///")
    return kind.startswith("sqlite") and not path.startswith("/")


def _production(settings: WorkerSettings, hosts: Mapping[str, str]) -> list[str]:
    found = [
        f"ENVIRONMENT=production refuses a sandbox on this machine in {key}"
        for key in (
            "POWEROFFICE_URL",
            "POWEROFFICE_V2_URL",
            "MAVENTA_URL",
            "PORTAL_URL",
            "SFTP_HOST",
            "INBOX_SFTP_HOST",
            "STORECOVE_URL",
        )
        if hosts[key] in LOCAL
    ]
    found += [
        f"ENVIRONMENT=production refuses the vendor's test environment in {k}"
        for k, host in hosts.items()
        if host in TEST_HOSTS
    ]
    if _demo_path(settings):
        found.append("ENVIRONMENT=production refuses the vendor's test environment in POWEROFFICE_V2_URL")
    if _storecove(settings) and settings.storecove_account == "sandbox":
        found.append("ENVIRONMENT=production refuses STORECOVE_ACCOUNT=sandbox")
    if settings.peppol_smp_override:
        found.append("ENVIRONMENT=production refuses PEPPOL_SMP_OVERRIDE")
    if settings.peppol_zone != LIVE_ZONE:
        found.append("ENVIRONMENT=production needs the live PEPPOL_ZONE")
    found += [
        f"ENVIRONMENT=production needs https in {key}"
        for key, url in (
            ("POWEROFFICE_URL", settings.poweroffice_url),
            ("POWEROFFICE_V2_URL", settings.poweroffice_v2_url or "https://"),
            ("MAVENTA_URL", settings.maventa_url or "https://"),
            ("STORECOVE_URL", _storecove(settings) or "https://"),
            ("PORTAL_URL", settings.portal_url),
        )
        if not url.startswith("https://")
    ]
    # Seen from another folder a relative place is another one, empty: what was sent would be sent again.
    found += [
        f"ENVIRONMENT=production needs a whole path in {key}: a relative one depends on where the worker is started"
        for key, relative in (
            ("DATABASE_URL", _relative_file(settings.database_url)),
            ("DOCUMENT_STORE", not settings.document_store.startswith(("/", "s3://"))),
        )
        if relative
    ]
    if settings.smtp_security == "none" and hosts["SMTP_HOST"] not in LOCAL:
        found.append("ENVIRONMENT=production needs SMTP_SECURITY=starttls or tls to another machine")
    return found


def _demo_path(settings: WorkerSettings) -> bool:
    """Version 2 has one host for both; its test environment is a path."""
    return urlsplit(settings.poweroffice_v2_url).path.lower().startswith("/demo")


def _storecove(settings: WorkerSettings) -> str:
    """Its address when it is used: the default names the live host."""
    return settings.storecove_url if settings.access_point == "storecove" else ""
