"""The factor's own settings: `worker.env`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from worker.model.letter import PostClass, ReturnHandling
from worker.settings import lock
from worker.settings.values import Account, Email, Emails, FolderName, OrganisationNumber, iban_of
from worker.support.env_file import EnvFileSettings, HoldsSecret
from worker.support.return_path import LONGEST_LOCAL_PART


class WorkerSettings(EnvFileSettings):
    """The factor's own: keys, servers, account. Every key is explained in config/worker.env.example."""

    environment: Literal["demo", "test", "production"]
    database_url: Annotated[str, HoldsSecret] = "sqlite:///var/worker.db"
    document_store: str = "var/documents"
    document_store_endpoint: str = ""
    document_store_region: str = "eu-north-1"
    document_store_access_key_id: str = ""
    document_store_secret_access_key: SecretStr = SecretStr("")
    clients_folder: Path | None = None
    ledger_folder: Path = Path("var/registered")
    rules_folder: Path | None = None
    inbox: Literal["folder", "sftp"] = "folder"
    inbox_folder: Path = Path("var/inbox")
    inbox_sftp_host: str = ""
    inbox_sftp_port: int = Field(default=22, ge=1, le=65535)
    inbox_sftp_user: str = ""
    inbox_sftp_key_path: Path | None = None
    inbox_sftp_host_key: str = ""
    inbox_sftp_folder: str = "."
    inbox_sftp_done_folder: str = Field(default="", pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*)?$")
    inbox_sftp_quiet_seconds: float = Field(default=5, ge=0, le=300)
    statement_folder: Path = Path("var/statements")
    payments_from: Literal["bank", "ocr_giro", "camt_054", "feed"] = "bank"
    report_to: Emails = ""
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(default=0, ge=0, le=65535)
    ops_token: SecretStr = SecretStr("")
    ping_url: SecretStr = SecretStr("")
    retention_years: int = Field(default=5, ge=5, le=30)
    retention_personal_years: int = Field(default=5, ge=5, le=30)
    retention_link_days: int = Field(default=365, ge=30, le=3650)
    retention_words_days: int = Field(default=365, ge=30, le=3650)
    retention_caller_days: int = Field(default=30, ge=2, le=365)
    retention_lookup_days: int = Field(default=400, ge=30, le=3650)
    retention_run_days: int = Field(default=400, ge=30, le=3650)

    factor_name: str = Field(min_length=1)
    factor_organisation_number: OrganisationNumber
    factor_account: Account
    factor_bic: str = ""
    factor_contact: str = Field(min_length=1)
    factor_return_address: str = Field(min_length=1)
    complaint_days: int = Field(default=8, ge=1, le=60)

    poweroffice_url: str = "https://api.poweroffice.net"
    poweroffice_application_key: SecretStr
    poweroffice_replica_lag_seconds: float = Field(default=2.0, ge=0, le=60)
    poweroffice_v2_url: str = ""
    poweroffice_subscription_key: SecretStr = SecretStr("")

    peppol_zone: str = lock.LIVE_ZONE
    peppol_dns_server: str = ""
    peppol_smp_override: str = ""

    access_point: Literal["phoss_ap", "folder", "maventa", "storecove"] = "phoss_ap"
    access_point_url: str = ""
    access_point_token: SecretStr = SecretStr("")
    access_point_folder: Path = Path("var/access-point")
    access_point_timeout_seconds: float = Field(default=60, gt=0, le=300)
    storecove_url: str = "https://api.storecove.com/api/v2"
    storecove_api_key: SecretStr = SecretStr("")
    storecove_account: Literal["live", "sandbox"] = "live"

    efaktura_channel: Literal["off", "maventa"] = "off"

    maventa_url: str = ""
    maventa_user_key: SecretStr = SecretStr("")
    maventa_vendor_key: SecretStr = SecretStr("")
    maventa_scope: str = Field(default="lookup invoice:send", pattern=r"^[a-z:_ ]+$")

    smtp_host: str = Field(min_length=1)
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: Email = Field(min_length=3)
    smtp_timeout_seconds: float = Field(default=30, gt=0, le=300)
    bounce_address: Email = ""
    imap_host: str = ""
    imap_port: int = Field(default=993, ge=1, le=65535)
    imap_security: Literal["tls", "starttls", "none"] = "tls"
    imap_user: str = ""
    imap_password: SecretStr = SecretStr("")
    imap_folder: FolderName = "INBOX"
    imap_processed_folder: FolderName = "processed"
    imap_unmatched_folder: FolderName = "unmatched"
    imap_timeout_seconds: float = Field(default=30, gt=0, le=300)

    print_house: Literal["folder", "sftp"] = "folder"
    print_folder: Path = Path("var/letters")
    sftp_host: str = ""
    sftp_port: int = Field(default=22, ge=1, le=65535)
    sftp_user: str = ""
    sftp_key_path: Path | None = None
    sftp_host_key: str = ""
    sftp_folder: str = "."
    letter_batch: Literal["letter", "slot"] = "letter"
    letter_post_class: PostClass = PostClass.B
    letter_return: ReturnHandling = ReturnHandling.RETURN

    portal_url: str
    portal_host: str = "127.0.0.1"
    portal_port: int = Field(default=8080, ge=0, le=65535)
    portal_trusted_proxies: str = ""
    portal_key: SecretStr
    link_days: int = Field(default=90, ge=5, le=730)
    code_tries: int = Field(default=5, ge=1, le=20)

    @field_validator("document_store")
    @classmethod
    def _folder_or_bucket(cls, value: str) -> str:
        if not value or (
            "://" in value and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w./-]*)?", value)
        ):
            raise ValueError("must be a folder, or s3://bucket/prefix")
        return value

    @field_validator(
        "document_store_endpoint",
        "portal_url",
        "maventa_url",
        "storecove_url",
        "poweroffice_url",
        "poweroffice_v2_url",
        "access_point_url",
        "peppol_smp_override",
    )
    @classmethod
    def _url(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be a plain http(s) address without query")
        return value.rstrip("/")

    @field_validator("ping_url")
    @classmethod
    def _with_job(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        parts = urlsplit(url)
        if url and not (parts.scheme in ("http", "https") and parts.hostname and "{job}" in parts.path):
            raise ValueError("must be an http(s) address with {job} in its path")
        return value

    @field_validator("peppol_dns_server")
    @classmethod
    def _host_port(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^:\s]+:\d{1,5}", value):
            raise ValueError("must be host:port")
        return value

    @field_validator("bounce_address")
    @classmethod
    def _room_for_token(cls, value: str) -> str:
        if len(value.rpartition("@")[0]) > LONGEST_LOCAL_PART or not value.isascii():
            raise ValueError(f"must be ASCII, with at most {LONGEST_LOCAL_PART} characters before the @")
        return value

    @field_validator("ops_token")
    @classmethod
    def _long_token(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 32:
            raise ValueError("must be at least 32 characters; make one with `openssl rand -hex 32`")
        return value

    @field_validator("portal_key")
    @classmethod
    def _long_key(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("must be at least 32 characters; make one with `openssl rand -hex 32`")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = [*self._missing_parts(), *lock.faults(self)]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _missing_parts(self) -> list[str]:
        faults: list[str] = []
        if self.access_point == "phoss_ap" and not (
            self.access_point_url and self.access_point_token.get_secret_value()
        ):
            faults.append("ACCESS_POINT=phoss_ap needs ACCESS_POINT_URL and ACCESS_POINT_TOKEN")
        if self.access_point == "storecove" and not self.storecove_api_key.get_secret_value():
            faults.append("ACCESS_POINT=storecove needs STORECOVE_API_KEY")
        if bool(self.document_store_access_key_id) != bool(self.document_store_secret_access_key.get_secret_value()):
            faults.append("DOCUMENT_STORE_ACCESS_KEY_ID and DOCUMENT_STORE_SECRET_ACCESS_KEY belong together")
        if "maventa" in (self.access_point, self.efaktura_channel):
            needed = {
                "MAVENTA_URL": self.maventa_url,
                "MAVENTA_USER_KEY": self.maventa_user_key.get_secret_value(),
                "MAVENTA_VENDOR_KEY": self.maventa_vendor_key.get_secret_value(),
            }
            gaps = [key for key, value in needed.items() if not value]
            if gaps:
                faults.append(f"ACCESS_POINT or EFAKTURA_CHANNEL=maventa needs {', '.join(gaps)}")
        if self.imap_host:
            wanted = {"IMAP_USER": self.imap_user, "IMAP_PASSWORD": self.imap_password.get_secret_value()}
            gaps = [key for key, value in wanted.items() if not value]
            if gaps:
                faults.append(f"IMAP_HOST needs {', '.join(gaps)}")
            if len({self.imap_folder, self.imap_processed_folder, self.imap_unmatched_folder}) < 3:
                faults.append("IMAP_FOLDER, IMAP_PROCESSED_FOLDER and IMAP_UNMATCHED_FOLDER must differ")
            if self.imap_security == "none" and self.imap_host not in lock.LOCAL:
                faults.append("IMAP_SECURITY=none is for this machine only: the password would go in the clear")
        if self.smtp_user and self.smtp_security == "none":
            faults.append("SMTP_USER needs SMTP_SECURITY=starttls or tls: the password would go in the clear")
        for wanted, prefix, chosen in (("PRINT_HOUSE", "", self.print_house), ("INBOX", "INBOX_", self.inbox)):
            needed = [f"{prefix}SFTP_{key}" for key in ("HOST", "USER", "KEY_PATH", "HOST_KEY")]
            gaps = [key for key in needed if not getattr(self, key.lower())]
            if chosen == "sftp" and gaps:
                faults.append(f"{wanted}=sftp needs {', '.join(gaps)}")
        return faults

    @property
    def iban(self) -> str:
        """The factor account as IBAN (NO + check digits + 11 digits)."""
        return iban_of(self.factor_account)
