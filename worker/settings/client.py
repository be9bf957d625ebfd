"""One client's settings: `clients/<client>.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from worker.model.kid import KidLayout, KidLayoutError
from worker.model.letter import PostClass
from worker.model.voucher import AccountKind, VoucherAccount
from worker.settings.values import AccountIfAny, Colour, Email, Emails, LedgerAccountIfAny, checked_organisation_number
from worker.support.env_file import EnvFileSettings


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
    link_code: Literal["same_mail", "second_mail"] = "same_mail"
    access_point_tenant: str = Field(default="", pattern=r"^[A-Za-z0-9-]{0,64}$")
    efaktura: Literal["off", "on"] = "off"
    efaktura_tenant: str = ""
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

    report_to: Emails = ""

    letter_colour: bool = False
    letter_duplex: bool = False
    letter_post_class: PostClass | Literal[""] = ""
    accent_colour: Colour = "#1f4e5f"
    logo_file: Path | None = None

    @field_validator("organisation_number")
    @classmethod
    def _own_number(cls, value: str, info: ValidationInfo) -> str:
        return checked_organisation_number(value) if info.data.get("country") == "NO" else value

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
    def _norwegian_issuer(self) -> Self:
        if self.efaktura == "on" and self.country != "NO":
            raise ValueError("EFAKTURA=on needs COUNTRY=NO: the issuer of an eFaktura is a Norwegian business")
        return self

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
