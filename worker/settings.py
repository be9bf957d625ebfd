"""The factor's settings (`worker.env`) and each client's (`clients/<client>.env`).

Unknown keys are errors; every fault of a file is told at once, by key, never with its value. A secret `X` may instead
be named as a file: `X_FILE=/run/secrets/x`. For the factor's file the process environment wins over the file, so a
container can set `DATABASE_URL`; a client's keys come from its own file alone, or two clients could mix.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from stdnum.no import iban as _iban
from stdnum.no import kontonr as _kontonr

from worker.model.kid import KidLayout, KidLayoutError
from worker.model.party import email_addresses, organisation_number
from worker.model.voucher import AccountKind, VoucherAccount
from worker.support.env_file import EnvFileSettings, SettingsError, build, is_key_of, read

LIVE_HOSTS = {"api.poweroffice.net", "goapi.poweroffice.net"}
LIVE_ZONE = "participant.sml.prod.tech.peppol.org"
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def _account(value: str) -> str:
    bare = re.sub(r"[\s.]", "", value)
    if not (re.fullmatch(r"\d{11}", bare) and _kontonr.is_valid(bare)):
        raise ValueError("must be an 11-digit Norwegian account number with a right check digit")
    return bare


def _organisation_number(value: str) -> str:
    bare = organisation_number(value)
    if bare is None:
        raise ValueError("must be a 9-digit organisation number with a right check digit")
    return bare


def _email(value: str) -> str:
    if value and len(email_addresses(value)) != 1:
        raise ValueError("must be one e-mail address")
    return value


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("must be a colour like #1f4e5f")
    return value


def _ledger_account(value: str) -> str:
    if not re.fullmatch(r"(supplier:)?[1-9]\d{3,8}", value):
        raise ValueError("must be an account number like 1510, or supplier:<number> for a supplier's sub-ledger")
    return value


Account = Annotated[str, AfterValidator(_account)]
AccountIfAny = Annotated[str, AfterValidator(lambda value: _account(value) if value else "")]
LedgerAccountIfAny = Annotated[str, AfterValidator(lambda value: _ledger_account(value) if value else "")]
OrganisationNumber = Annotated[str, AfterValidator(_organisation_number)]
Email = Annotated[str, AfterValidator(_email)]
Colour = Annotated[str, AfterValidator(_colour)]


class WorkerSettings(EnvFileSettings):
    """The factor's own: keys, servers, account. Every key is explained in config/worker.env.example."""

    environment: Literal["demo", "test", "production"]
    database_url: str = "sqlite:///var/worker.db"
    document_store: Path = Path("var/documents")
    clients_folder: Path | None = None
    ledger_folder: Path = Path("var/registered")
    rules_folder: Path | None = None
    inbox_folder: Path = Path("var/inbox")
    payments_from: Literal["bank", "feed"] = "bank"
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

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

    peppol_zone: str = LIVE_ZONE
    peppol_dns_server: str = ""
    peppol_smp_override: str = ""

    access_point: Literal["phoss_ap", "folder"] = "phoss_ap"
    access_point_url: str = ""
    access_point_token: SecretStr = SecretStr("")
    access_point_folder: Path = Path("var/access-point")
    access_point_timeout_seconds: float = Field(default=60, gt=0, le=300)

    smtp_host: str = Field(min_length=1)
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_from: Email = Field(min_length=3)
    smtp_timeout_seconds: float = Field(default=30, gt=0, le=300)

    print_house: Literal["folder", "sftp"] = "folder"
    print_folder: Path = Path("var/letters")
    sftp_host: str = ""
    sftp_port: int = Field(default=22, ge=1, le=65535)
    sftp_user: str = ""
    sftp_key_path: Path | None = None
    sftp_host_key: str = ""
    sftp_folder: str = "."

    portal_url: str
    portal_host: str = "127.0.0.1"
    portal_port: int = Field(default=8080, ge=0, le=65535)
    portal_trusted_proxies: str = ""
    portal_key: SecretStr
    link_days: int = Field(default=90, ge=5, le=730)
    code_tries: int = Field(default=5, ge=1, le=20)

    @field_validator("portal_url", "poweroffice_url", "poweroffice_v2_url", "access_point_url", "peppol_smp_override")
    @classmethod
    def _url(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be a plain http(s) address without query")
        return value.rstrip("/")

    @field_validator("peppol_dns_server")
    @classmethod
    def _host_port(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^:\s]+:\d{1,5}", value):
            raise ValueError("must be host:port")
        return value

    @field_validator("portal_key")
    @classmethod
    def _long_key(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("must be at least 32 characters; make one with `openssl rand -hex 32`")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = [*self._missing_parts(), *self._lock()]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _missing_parts(self) -> list[str]:
        faults: list[str] = []
        if self.access_point == "phoss_ap" and not (
            self.access_point_url and self.access_point_token.get_secret_value()
        ):
            faults.append("ACCESS_POINT=phoss_ap needs ACCESS_POINT_URL and ACCESS_POINT_TOKEN")
        if self.smtp_user and self.smtp_security == "none":
            faults.append("SMTP_USER needs SMTP_SECURITY=starttls or tls: the password would go in the clear")
        if self.print_house == "sftp":
            given = {
                "SFTP_HOST": self.sftp_host,
                "SFTP_USER": self.sftp_user,
                "SFTP_KEY_PATH": self.sftp_key_path,
                "SFTP_HOST_KEY": self.sftp_host_key,
            }
            gaps = [key for key, value in given.items() if not value]
            if gaps:
                faults.append(f"PRINT_HOUSE=sftp needs {', '.join(gaps)}")
        return faults

    def _lock(self) -> list[str]:
        """The hard lock of design §9: demo and test never meet a live host, production never the sandbox."""
        faults: list[str] = []
        hosts = {
            "POWEROFFICE_URL": urlsplit(self.poweroffice_url).hostname or "",
            "POWEROFFICE_V2_URL": urlsplit(self.poweroffice_v2_url).hostname or "",
            "ACCESS_POINT_URL": urlsplit(self.access_point_url).hostname or "",
            "PORTAL_URL": urlsplit(self.portal_url).hostname or "",
            "SMTP_HOST": self.smtp_host,
            "SFTP_HOST": self.sftp_host if self.print_house == "sftp" else "",
        }
        if self.environment == "demo":
            faults += [
                f"ENVIRONMENT=demo allows only this machine: {k}" for k, h in hosts.items() if h and h not in _LOCAL
            ]
            if not (self.peppol_smp_override and self.peppol_dns_server):
                faults.append("ENVIRONMENT=demo needs PEPPOL_DNS_SERVER and PEPPOL_SMP_OVERRIDE on this machine")
        if self.environment == "test":
            faults += [f"ENVIRONMENT=test refuses the live host in {k}" for k, h in hosts.items() if h in LIVE_HOSTS]
            if self.peppol_zone == LIVE_ZONE and not self.peppol_dns_server:
                faults.append("ENVIRONMENT=test refuses the live PEPPOL_ZONE")
        if self.environment == "production":
            faults += self._production_lock(hosts)
        return faults

    def _production_lock(self, hosts: Mapping[str, str]) -> list[str]:
        faults = [
            f"ENVIRONMENT=production refuses a sandbox on this machine in {key}"
            for key in ("POWEROFFICE_URL", "POWEROFFICE_V2_URL", "PORTAL_URL", "SFTP_HOST")
            if hosts[key] in _LOCAL
        ]
        if self.peppol_smp_override:
            faults.append("ENVIRONMENT=production refuses PEPPOL_SMP_OVERRIDE")
        if self.peppol_zone != LIVE_ZONE:
            faults.append("ENVIRONMENT=production needs the live PEPPOL_ZONE")
        faults += [
            f"ENVIRONMENT=production needs https in {key}"
            for key, url in (
                ("POWEROFFICE_URL", self.poweroffice_url),
                ("POWEROFFICE_V2_URL", self.poweroffice_v2_url or "https://"),
                ("PORTAL_URL", self.portal_url),
            )
            if not url.startswith("https://")
        ]
        if self.smtp_security == "none" and self.smtp_host not in _LOCAL:
            faults.append("ENVIRONMENT=production needs SMTP_SECURITY=starttls or tls to another machine")
        return faults

    @property
    def iban(self) -> str:
        """The factor account as IBAN (NO + check digits + 11 digits)."""
        return iban_of(self.factor_account)


class ClientSettings(EnvFileSettings):
    """One client's. Every key is explained in config/clients/client.env.example."""

    client_name: str = Field(min_length=1)
    country: str = Field(default="NO", pattern=r"^[A-Z]{2}$")
    organisation_number: str = Field(min_length=1)
    erp: Literal["poweroffice_go"] = "poweroffice_go"
    poweroffice_client_key: SecretStr

    factor_account: AccountIfAny = ""
    kid_layout: str
    kid_algorithm: Literal["MOD10", "MOD11"] = "MOD10"
    kid_client_number: str = Field(default="", pattern=r"^\d*$", validate_default=True)
    kid_on_credit_notes: bool = False

    notice_family: Literal["assigned", "pledged"] = "assigned"
    notice_nb: str = ""
    notice_en: str = ""
    notice_credit_nb: str = ""
    notice_credit_en: str = ""
    notice_version: str = Field(default="1", pattern=r"^[A-Za-z0-9._-]{1,40}$")
    language: Literal["auto", "nb", "en"] = "auto"

    email_channel: Literal["link", "pdf"] = "link"
    unopened_days: int = Field(default=4, ge=1, le=30)
    print_only_address: Email = "printonly@factoringfinans.no"
    reply_to: Email = ""
    efaktura: Literal["off"] = "off"
    payment_account: Literal["bban", "iban", "iban_abroad"] = "bban"
    embedded_invoice: Literal["drop", "replace", "keep"] = "drop"
    factored_type_codes: bool = False

    return_data: Literal["off", "on"] = "off"
    vouchers: Literal["v1", "v2"] = "v1"
    voucher_prefix: str = Field(default="FACT", pattern=r"^[A-Z0-9]{1,8}$")
    vouchers_by_day: bool = False
    account_clearing: LedgerAccountIfAny = ""
    account_administrative_fees: LedgerAccountIfAny = ""
    account_financial_fees: LedgerAccountIfAny = ""
    account_bank: LedgerAccountIfAny = ""
    account_balance: LedgerAccountIfAny = ""
    account_interest_income: LedgerAccountIfAny = ""
    account_losses: LedgerAccountIfAny = ""

    letter_colour: bool = False
    letter_duplex: bool = False
    accent_colour: Colour = "#1f4e5f"
    logo_file: Path | None = None

    @field_validator("organisation_number")
    @classmethod
    def _own_number(cls, value: str, info: ValidationInfo) -> str:
        return _organisation_number(value) if info.data.get("country") == "NO" else value

    @field_validator("kid_layout")
    @classmethod
    def _layout(cls, value: str) -> str:
        try:
            KidLayout.parse(value, algorithm="MOD10")
        except KidLayoutError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("kid_client_number")
    @classmethod
    def _client_part(cls, value: str, info: ValidationInfo) -> str:
        if not value and "client:" in info.data.get("kid_layout", ""):
            raise ValueError("must be given: KID_LAYOUT has a client part")
        return value

    @model_validator(mode="after")
    def _every_account(self) -> Self:
        missing = [f"ACCOUNT_{role.upper()}" for role, account in self.accounts.items() if account is None]
        if self.return_data == "on" and missing:
            raise ValueError(f"RETURN_DATA=on needs {', '.join(missing)}")
        return self

    @property
    def accounts(self) -> dict[str, VoucherAccount | None]:
        """The client's accounts by what they are for (`clearing`, `bank`, ...); None for one that is not named."""
        found: dict[str, VoucherAccount | None] = {}
        for name in type(self).model_fields:
            if name.startswith("account_"):
                kind, _, number = str(getattr(self, name)).rpartition(":")
                account = VoucherAccount(AccountKind.SUPPLIER if kind else AccountKind.GENERAL, number)
                found[name.removeprefix("account_")] = account if number else None
        return found

    @field_validator("logo_file")
    @classmethod
    def _logo(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("must be an existing PNG or JPEG file")
        return value


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A client and its settings; the name is the file's (`nordlys.env` → `nordlys`)."""

    name: str
    settings: ClientSettings


def iban_of(account: str) -> str:
    """The Norwegian IBAN of an 11-digit account (ISO 13616, mod-97)."""
    check = 98 - int(account + "232400") % 97  # N=23, O=24, then 00
    iban = f"NO{check:02d}{account}"
    if not _iban.is_valid(iban):
        raise ValueError("account gives no valid IBAN")
    return iban


def load_worker(path: Path, environ: Mapping[str, str] | None = None) -> WorkerSettings:
    """Reads `worker.env`; variables of the process environment with the same keys win. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    values = read(path)
    values |= {key: value for key, value in environ.items() if is_key_of(WorkerSettings, key)}
    settings = build(WorkerSettings, path.name, values)
    clients = settings.clients_folder or path.parent / "clients"
    return settings.model_copy(update={"clients_folder": clients})


def load_client(path: Path) -> ClientFile:
    """Reads one client's file. Raises SettingsError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", path.stem):
        raise SettingsError(path.name, ["a client's file is named with small letters, digits, - and _ only"])
    return ClientFile(path.stem, build(ClientSettings, path.name, read(path)))


def load_clients(folder: Path) -> tuple[list[ClientFile], list[SettingsError]]:
    """Every `*.env` of the folder, by name. A broken file is told with all its faults and the others are used.

    Two files with the same client key, or the same organisation number, are both refused: one would bill for the other.
    """
    good: list[ClientFile] = []
    bad: list[SettingsError] = []
    if not folder.is_dir():
        return [], [SettingsError(folder.name, ["the clients folder does not exist"])]
    for path in sorted(folder.glob("*.env")):
        try:
            good.append(load_client(path))
        except SettingsError as error:
            bad.append(error)
    for what, value in (
        ("POWEROFFICE_CLIENT_KEY", lambda c: c.settings.poweroffice_client_key.get_secret_value()),
        ("ORGANISATION_NUMBER", lambda c: c.settings.organisation_number),
    ):
        groups: dict[str, list[ClientFile]] = {}
        for client in good:
            groups.setdefault(value(client), []).append(client)
        for twins in groups.values():
            if len(twins) > 1:
                names = ", ".join(t.name for t in twins)
                bad += [SettingsError(f"{t.name}.env", [f"{what} is the same in {names}"]) for t in twins]
                good = [client for client in good if client not in twins]
    return good, bad
