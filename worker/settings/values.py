"""The kinds of values a setting may have."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from stdnum.no import iban as _iban
from stdnum.no import kontonr as _kontonr

from worker.model.party import email_addresses, organisation_number


def _account(value: str) -> str:
    bare = re.sub(r"[\s.]", "", value)
    if not (re.fullmatch(r"\d{11}", bare) and _kontonr.is_valid(bare)):
        raise ValueError("must be an 11-digit Norwegian account number with a right check digit")
    return bare


def checked_organisation_number(value: str) -> str:
    bare = organisation_number(value)
    if bare is None:
        raise ValueError("must be a 9-digit organisation number with a right check digit")
    return bare


def _email(value: str) -> str:
    if value and len(email_addresses(value)) != 1:
        raise ValueError("must be one e-mail address")
    return value


def _emails(value: str) -> str:
    given = [part for part in re.split(r"[;,]", value) if part.strip()]
    found = email_addresses(value)
    if len(found) != len(given):
        raise ValueError("must be at most ten different e-mail addresses, with commas between")
    return ", ".join(found)


def _folder_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9 ._/-]{1,100}", value):
        raise ValueError("must be a folder's name of letters, digits, blanks and . _ - /")
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
OrganisationNumber = Annotated[str, AfterValidator(checked_organisation_number)]
Email = Annotated[str, AfterValidator(_email)]
Emails = Annotated[str, AfterValidator(_emails)]
FolderName = Annotated[str, AfterValidator(_folder_name)]
Colour = Annotated[str, AfterValidator(_colour)]


def iban_of(account: str) -> str:
    """The Norwegian IBAN of an 11-digit account (ISO 13616, mod-97)."""
    check = 98 - int(account + "232400") % 97  # N=23, O=24, then 00
    iban = f"NO{check:02d}{account}"
    if not _iban.is_valid(iban):
        raise ValueError("account gives no valid IBAN")
    return iban
