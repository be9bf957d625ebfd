"""Settings from env files: every fault at once, by key, never a value; and the hard lock on the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.no import kontonr

from worker.clients import load_all_clients
from worker.model.voucher import AccountKind, VoucherAccount
from worker.settings import ClientFile, WorkerSettings, iban_of, load_client, load_clients, load_worker
from worker.settlement.rules import roles_needed
from worker.support.env_file import SettingsError

LIVE = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "sqlite:////var/lib/factoring-worker/worker.db",
    "DOCUMENT_STORE": "/var/lib/factoring-worker/documents",
    "FACTOR_NAME": "Eksempel Factoring AS",
    "FACTOR_ORGANISATION_NUMBER": "986 252 932",
    "FACTOR_ACCOUNT": "8601 11 17947",
    "FACTOR_CONTACT": "kundeservice@factoring.example",
    "FACTOR_RETURN_ADDRESS": "Postboks 100, 0101 Oslo",
    "POWEROFFICE_APPLICATION_KEY": "application-key",
    "ACCESS_POINT_URL": "https://ap.factoring.example/",
    "ACCESS_POINT_TOKEN": "access-point-token",
    "SMTP_HOST": "smtp.factoring.example",
    "SMTP_FROM": "faktura@factoring.example",
    "PORTAL_URL": "https://faktura.factoring.example",
    "PORTAL_KEY": "0123456789abcdef0123456789abcdef",
}
DEMO = LIVE | {
    "ENVIRONMENT": "demo",
    "POWEROFFICE_URL": "http://127.0.0.1:8001",
    "PEPPOL_ZONE": "participant.sml.sandbox.test",
    "PEPPOL_DNS_SERVER": "127.0.0.1:5353",
    "PEPPOL_SMP_OVERRIDE": "http://127.0.0.1:8003",
    "ACCESS_POINT_URL": "http://127.0.0.1:8002",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_SECURITY": "none",
    "PORTAL_URL": "http://127.0.0.1:8080",
}
CLIENT = {
    "CLIENT_NAME": "Blåbær & Sønn AS",
    "ORGANISATION_NUMBER": "399102006",
    "POWEROFFICE_CLIENT_KEY": "client-key",
    "KID_LAYOUT": "client:4 invoice:8",
    "KID_CLIENT_NUMBER": "1001",
}
OTHER_NUMBER = "986252932"


def env(path: Path, values: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key}='{value}'\n" for key, value in values.items()), encoding="utf-8")
    return path


def worker(tmp_path: Path, values: dict[str, str], environ: dict[str, str] | None = None) -> WorkerSettings:
    return load_worker(env(tmp_path / "worker.env", values), environ=environ or {})


def faults(tmp_path: Path, values: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        worker(tmp_path, values)
    assert caught.value.file == "worker.env"
    return "\n".join(caught.value.faults)


def client(tmp_path: Path, values: dict[str, str], name: str = "nordlys.env") -> ClientFile:
    return load_client(env(tmp_path / "clients" / name, values))


def client_faults(tmp_path: Path, values: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        client(tmp_path, values)
    return caught.value.faults


# --- the factor's file -----------------------------------------------------------------------------


def test_a_good_file_is_read_and_tidied(tmp_path: Path) -> None:
    settings = worker(tmp_path, LIVE)
    assert (settings.factor_account, settings.factor_organisation_number) == ("86011117947", "986252932")
    assert settings.access_point_url == "https://ap.factoring.example"
    assert settings.clients_folder == tmp_path / "clients"
    assert settings.iban == "NO9386011117947"
    assert worker(tmp_path, DEMO).environment == "demo"


@given(st.integers(min_value=0, max_value=10**11 - 1).map("{:011d}".format))
def test_iban_by_mod_97(account: str) -> None:
    """ISO 13616: rearranged with N=23 and O=24, an IBAN leaves 1. Only real accounts have one."""
    if not kontonr.is_valid(account):
        with pytest.raises(ValueError, match="IBAN"):
            iban_of(account)
        return
    iban = iban_of(account)
    assert (iban[:2], iban[4:]) == ("NO", account)
    assert int(account + "2324" + iban[2:4]) % 97 == 1


def test_every_fault_is_told_at_once_and_no_value_is_shown(tmp_path: Path) -> None:
    bad = LIVE | {
        "FACTOR_ACCOUNT": "15032080118",
        "FACTOR_ORGANISATION_NUMBER": "123456789",
        "SMTP_PORT": "99999",
        "SMTP_FORM": "misspelt@factoring.example",
        "PORTAL_KEY": "too-short-secret",
        "ENVIRONMENT": "staging",
    }
    del bad["FACTOR_NAME"]
    told = faults(tmp_path, bad)
    for key in ("FACTOR_ACCOUNT", "FACTOR_ORGANISATION_NUMBER", "SMTP_PORT", "SMTP_FORM", "PORTAL_KEY", "ENVIRONMENT",
                "FACTOR_NAME is missing"):  # fmt: skip
        assert key in told
    for value in ("15032080118", "123456789", "99999", "misspelt@", "too-short-secret", "staging"):
        assert value not in told


def test_the_process_environment_wins_for_the_factors_keys_only(tmp_path: Path) -> None:
    settings = worker(tmp_path, LIVE, {"DATABASE_URL": "postgresql+psycopg://u:p@db/worker", "HOME": "/root", "X": "1"})
    assert settings.database_url == "postgresql+psycopg://u:p@db/worker"


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "portal_key"
    secret.write_text("abcdef0123456789abcdef0123456789\n", encoding="utf-8")
    values = LIVE | {"PORTAL_KEY_FILE": str(secret)}
    del values["PORTAL_KEY"]
    assert worker(tmp_path, values).portal_key.get_secret_value() == "abcdef0123456789abcdef0123456789"
    missing = faults(tmp_path, values | {"PORTAL_KEY_FILE": str(tmp_path / "nowhere")})
    assert "PORTAL_KEY" in missing
    assert "nowhere" not in missing


def test_a_dollar_in_a_password_is_a_dollar(tmp_path: Path) -> None:
    settings = worker(tmp_path, LIVE | {"SMTP_PASSWORD": "a$HOME${X}b"})
    assert settings.smtp_password.get_secret_value() == "a$HOME${X}b"


def test_secrets_are_not_in_what_is_printed(tmp_path: Path) -> None:
    shown = repr(worker(tmp_path, LIVE))
    for secret in ("application-key", "access-point-token", LIVE["PORTAL_KEY"]):
        assert secret not in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"POWEROFFICE_URL": "https://api.poweroffice.net"}, "POWEROFFICE_URL"),
        ({"SMTP_HOST": "smtp.factoring.example"}, "SMTP_HOST"),
        ({"IMAP_HOST": "imap.factoring.example", "IMAP_USER": "u", "IMAP_PASSWORD": "p"}, "IMAP_HOST"),
        ({"ACCESS_POINT_URL": "https://ap.factoring.example"}, "ACCESS_POINT_URL"),
        ({"MAVENTA_URL": "https://ax-stage.maventa.com"}, "MAVENTA_URL"),
        ({"ACCESS_POINT": "storecove", "STORECOVE_API_KEY": "k"}, "STORECOVE_URL"),
        ({"PORTAL_URL": "https://faktura.factoring.example"}, "PORTAL_URL"),
        ({"PEPPOL_SMP_OVERRIDE": ""}, "PEPPOL_SMP_OVERRIDE"),
        ({"PRINT_HOUSE": "sftp", "SFTP_HOST": "sftp.printhouse.example", "SFTP_USER": "u", "SFTP_KEY_PATH": "k",
          "SFTP_HOST_KEY": "ssh-ed25519 AAAA"}, "SFTP_HOST"),
    ],
)  # fmt: skip
def test_the_demo_meets_nothing_but_this_machine(tmp_path: Path, change: dict[str, str], words: str) -> None:
    told = faults(tmp_path, DEMO | change)
    assert "ENVIRONMENT=demo" in told
    assert words in told


@pytest.mark.parametrize("host", ["api.poweroffice.net", "goapi.poweroffice.net"])
def test_test_never_meets_the_live_erp(tmp_path: Path, host: str) -> None:
    values = LIVE | {"ENVIRONMENT": "test", "PEPPOL_ZONE": "acc.edelivery.tech.ec.europa.eu"}
    assert "POWEROFFICE_URL" in faults(tmp_path, values | {"POWEROFFICE_URL": f"https://{host}"})
    assert "PEPPOL_ZONE" in faults(tmp_path, values | {"PEPPOL_ZONE": "participant.sml.prod.tech.peppol.org"})
    assert "MAVENTA_URL" in faults(tmp_path, values | {"MAVENTA_URL": "https://ax.maventa.com"})
    test = {"POWEROFFICE_URL": "https://api-demo.poweroffice.net", "MAVENTA_URL": "https://ax-stage.maventa.com"}
    assert worker(tmp_path, values | test).environment == "test"
    storecove = test | {"ACCESS_POINT": "storecove", "STORECOVE_API_KEY": "k"}
    assert "STORECOVE_ACCOUNT" in faults(tmp_path, values | storecove)
    assert worker(tmp_path, values | storecove | {"STORECOVE_ACCOUNT": "sandbox"}).access_point == "storecove"


@pytest.mark.parametrize(
    "change",
    [
        {"POWEROFFICE_URL": "http://127.0.0.1:8001"},
        {"MAVENTA_URL": "http://127.0.0.1:8005"},
        {"MAVENTA_URL": "http://ax.maventa.com"},
        {"MAVENTA_URL": "https://ax-stage.maventa.com"},
        {"ACCESS_POINT": "storecove", "STORECOVE_API_KEY": "k", "STORECOVE_URL": "https://127.0.0.1:8006"},
        {"ACCESS_POINT": "storecove", "STORECOVE_API_KEY": "k", "STORECOVE_URL": "http://api.storecove.com/api/v2"},
        {"ACCESS_POINT": "storecove", "STORECOVE_API_KEY": "k", "STORECOVE_ACCOUNT": "sandbox"},
        {"PORTAL_URL": "http://localhost:8080"},
        {"PORTAL_URL": "http://faktura.factoring.example"},
        {"PEPPOL_SMP_OVERRIDE": "http://127.0.0.1:8003"},
        {"PEPPOL_ZONE": "participant.sml.sandbox.test"},
        {"SMTP_SECURITY": "none"},
    ],
)
def test_production_never_meets_the_sandbox(tmp_path: Path, change: dict[str, str]) -> None:
    assert "ENVIRONMENT=production" in faults(tmp_path, LIVE | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ACCESS_POINT_TOKEN": ""}, "ACCESS_POINT_TOKEN"),
        ({"ACCESS_POINT": "maventa"}, "MAVENTA_URL, MAVENTA_USER_KEY, MAVENTA_VENDOR_KEY"),
        ({"EFAKTURA_CHANNEL": "maventa", "MAVENTA_URL": "https://ax.maventa.com"}, "MAVENTA_USER_KEY"),
        ({"MAVENTA_URL": "ax.maventa.com"}, "MAVENTA_URL"),
        ({"ACCESS_POINT": "storecove"}, "STORECOVE_API_KEY"),
        ({"STORECOVE_URL": "api.storecove.com"}, "STORECOVE_URL"),
        ({"PRINT_HOUSE": "sftp", "SFTP_HOST": "sftp.example"}, "SFTP_USER, SFTP_KEY_PATH, SFTP_HOST_KEY"),
        ({"PORTAL_URL": "faktura.factoring.example"}, "PORTAL_URL"),
        ({"PORTAL_URL": "https://faktura.factoring.example/?a=1"}, "PORTAL_URL"),
        ({"PEPPOL_DNS_SERVER": "127.0.0.1"}, "PEPPOL_DNS_SERVER"),
        ({"SMTP_FROM": "faktura"}, "SMTP_FROM"),
        ({"IMAP_HOST": "imap.example"}, "IMAP_USER, IMAP_PASSWORD"),
        ({"IMAP_HOST": "imap.example", "IMAP_SECURITY": "none"}, "IMAP_SECURITY=none"),
        ({"IMAP_HOST": "imap.example", "IMAP_UNMATCHED_FOLDER": "INBOX"}, "must differ"),
        ({"IMAP_FOLDER": 'INBOX" X'}, "IMAP_FOLDER"),
        ({"BOUNCE_ADDRESS": f"{'b' * 22}@factoring.example"}, "at most 21 characters"),
        ({"LINK_DAYS": "4"}, "LINK_DAYS"),
    ],
)
def test_parts_that_belong_together(tmp_path: Path, change: dict[str, str], words: str) -> None:
    assert words in faults(tmp_path, LIVE | change)


def test_no_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_worker(tmp_path / "worker.env", environ={})


def test_a_file_that_is_not_utf_8_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "worker.env"
    path.write_bytes("FACTOR_NAME='Blåbær'\n".encode("latin-1"))
    with pytest.raises(SettingsError, match="UTF-8"):
        load_worker(path, environ={})


# --- the clients' files -------------------------------------------------------------------------------


def test_a_clients_file(tmp_path: Path) -> None:
    own = client(tmp_path, CLIENT)
    assert (own.name, own.settings.client_name) == ("nordlys", "Blåbær & Sønn AS")
    assert (own.settings.email_channel, own.settings.unopened_days) == ("link", 4)
    assert own.settings.print_only_address == "printonly@factoringfinans.no"


def test_a_report_goes_to_several(tmp_path: Path) -> None:
    assert client(tmp_path, CLIENT | {"REPORT_TO": "kari@a.no;ola@b.no ,"}).settings.report_to == "kari@a.no, ola@b.no"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"KID_LAYOUT": "client:4"}, "KID_LAYOUT"),
        ({"KID_LAYOUT": "invoice:x"}, "KID_LAYOUT"),
        ({"KID_LAYOUT": "invoice:40"}, "KID_LAYOUT"),
        ({"KID_CLIENT_NUMBER": ""}, "KID_CLIENT_NUMBER"),
        ({"KID_CLIENT_NUMBER": "10a1"}, "KID_CLIENT_NUMBER"),
        ({"KID_ALGORITHM": "MOD12"}, "KID_ALGORITHM"),
        ({"ORGANISATION_NUMBER": "399102007"}, "ORGANISATION_NUMBER"),
        ({"EMAIL_CHANNEL": "pigeon"}, "EMAIL_CHANNEL"),
        ({"UNOPENED_DAYS": "0"}, "UNOPENED_DAYS"),
        ({"PRINT_ONLY_ADDRESS": "two@a.no, three@b.no"}, "PRINT_ONLY_ADDRESS"),
        ({"REPORT_TO": "kari@a.no, nobody"}, "REPORT_TO"),
        ({"REPORT_TO": ", ".join(f"kari{n}@a.no" for n in range(11))}, "REPORT_TO"),
        ({"ACCENT_COLOUR": "blue"}, "ACCENT_COLOUR"),
        ({"LOGO_FILE": "/nowhere/logo.png"}, "LOGO_FILE"),
        ({"FACTOR_ACCOUNT": "15032080118"}, "FACTOR_ACCOUNT"),
        ({"COLOUR": "#000000"}, "COLOUR is not a key"),
        ({"POWEROFFICE_CLIENT_KEY": ""}, "POWEROFFICE_CLIENT_KEY is missing"),
    ],
)
def test_a_fault_names_its_key_and_not_the_value(tmp_path: Path, change: dict[str, str], key: str) -> None:
    told = client_faults(tmp_path, CLIENT | change)
    assert len(told) == 1, told
    assert key in told[0]
    for value in change.values():
        assert not (len(value) > 3 and value in told[0]), told


def test_an_organisation_number_of_another_country_is_taken_as_it_is(tmp_path: Path) -> None:
    assert client(tmp_path, CLIENT | {"COUNTRY": "SE", "ORGANISATION_NUMBER": "5566778899"}).settings.country == "SE"


@pytest.mark.parametrize("name", ["Nordlys.env", "nord lys.env", "-nordlys.env", "blåbær.env"])
def test_a_clients_name_is_safe_in_paths_and_logs(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="small letters"):
        client(tmp_path, CLIENT, name)


def test_the_broken_are_told_of_and_the_others_used(tmp_path: Path) -> None:
    client(tmp_path, CLIENT)
    env(tmp_path / "clients" / "broken.env", {"CLIENT_NAME": "X", "UNOPENED_DAYS": "0", "COLOUR": "red"})
    good, bad = load_clients(tmp_path / "clients")
    assert [one.name for one in good] == ["nordlys"]
    (error,) = bad
    assert error.file == "broken.env"
    told = "\n".join(error.faults)
    for key in ("ORGANISATION_NUMBER", "POWEROFFICE_CLIENT_KEY", "KID_LAYOUT", "UNOPENED_DAYS", "COLOUR"):
        assert key in told


@pytest.mark.parametrize("shared", ["POWEROFFICE_CLIENT_KEY", "ORGANISATION_NUMBER", "ACCESS_POINT_TENANT"])
def test_two_clients_that_are_one_are_both_refused(tmp_path: Path, shared: str) -> None:
    first = CLIENT | {"ACCESS_POINT_TENANT": "4711"}
    twin = {
        "POWEROFFICE_CLIENT_KEY": "other-key",
        "ORGANISATION_NUMBER": OTHER_NUMBER,
        "ACCESS_POINT_TENANT": "4712",
    }
    twin = first | twin | {shared: first[shared]}
    client(tmp_path, first)
    client(tmp_path, twin, "tvilling.env")
    third = CLIENT | {"POWEROFFICE_CLIENT_KEY": "third-key", "ORGANISATION_NUMBER": "399103002"}
    client(tmp_path, third, "tredje.env")
    good, bad = load_clients(tmp_path / "clients")
    assert [one.name for one in good] == ["tredje"]
    assert sorted(error.file for error in bad) == ["nordlys.env", "tvilling.env"]
    assert all(shared in error.faults[0] and first[shared] not in error.faults[0] for error in bad)


@pytest.mark.parametrize(
    ("access_point", "tenant", "fine"),
    [
        ("phoss_ap", "", True),
        ("storecove", "", False),
        ("storecove", "4711", True),
        ("storecove", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", False),
        ("maventa", "", False),
        ("maventa", "4711", False),
        ("maventa", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", True),
    ],
)
def test_a_client_the_access_point_cannot_name_is_told_at_start(
    tmp_path: Path, access_point: str, tenant: str, fine: bool
) -> None:
    keys = {"STORECOVE_API_KEY": "k", "MAVENTA_URL": "https://ax.maventa.com", "MAVENTA_USER_KEY": "u"}
    settings = worker(tmp_path, LIVE | keys | {"ACCESS_POINT": access_point, "MAVENTA_VENDOR_KEY": "v"})
    client(tmp_path, CLIENT | {"ACCESS_POINT_TENANT": tenant})
    good, bad = load_all_clients(settings)
    assert [one.name for one in good] == (["nordlys"] if fine else [])
    assert [error.file for error in bad] == ([] if fine else ["nordlys.env"])
    assert all("ACCESS_POINT_TENANT" in error.faults[0] for error in bad)


def test_no_folder_is_said_so(tmp_path: Path) -> None:
    good, (error,) = load_clients(tmp_path / "clients")
    assert good == []
    assert "does not exist" in error.faults[0]


# --- return data ----------------------------------------------------------------------------------

ACCOUNTS = {
    "ACCOUNT_CLEARING": "supplier:20100",
    "ACCOUNT_ADMINISTRATIVE_FEES": "6970",
    "ACCOUNT_FINANCIAL_FEES": "6975",
    "ACCOUNT_BANK": "1920",
    "ACCOUNT_BALANCE": "2990",
    "ACCOUNT_INTEREST_INCOME": "8050",
    "ACCOUNT_LOSSES": "7830",
}


def test_return_data_is_off_unless_bought(tmp_path: Path) -> None:
    settings = client(tmp_path, CLIENT).settings
    assert settings.return_data == "off"
    assert set(settings.accounts.values()) == {None}


def test_return_data_needs_exactly_the_accounts_the_rules_need(tmp_path: Path) -> None:
    settings = client(tmp_path, CLIENT | ACCOUNTS | {"RETURN_DATA": "on"}).settings
    assert set(settings.accounts) == {str(role) for role in roles_needed()}
    assert settings.accounts["clearing"] == VoucherAccount(AccountKind.SUPPLIER, "20100")
    assert settings.accounts["bank"] == VoucherAccount(AccountKind.GENERAL, "1920")


def test_return_data_without_an_account_names_every_one_that_is_missing(tmp_path: Path) -> None:
    few = {key: value for key, value in ACCOUNTS.items() if key not in ("ACCOUNT_BANK", "ACCOUNT_LOSSES")}
    assert client_faults(tmp_path, CLIENT | few | {"RETURN_DATA": "on"}) == [
        "RETURN_DATA=on needs ACCOUNT_BANK, ACCOUNT_LOSSES"
    ]


@pytest.mark.parametrize("account", ["customer:10001", "supplier:", "15", "1510a", "01510"])
def test_an_account_is_a_number_or_a_suppliers(tmp_path: Path, account: str) -> None:
    (told,) = client_faults(tmp_path, CLIENT | {"ACCOUNT_CLEARING": account})
    assert told.startswith("ACCOUNT_CLEARING must be")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"ENVIRONMENT": "test", "POWEROFFICE_URL": "https://demo.example"}, "https://goapi.poweroffice.net"),
        ({"ENVIRONMENT": "production"}, "http://127.0.0.1:8001"),
        ({"ENVIRONMENT": "production"}, "http://goapi.poweroffice.net"),
    ],
)
def test_the_lock_holds_for_version_two_as_well(tmp_path: Path, environment: dict[str, str], url: str) -> None:
    with pytest.raises(SettingsError) as told:
        worker(tmp_path, LIVE | environment | {"POWEROFFICE_V2_URL": url})
    assert any("POWEROFFICE_V2_URL" in fault for fault in told.value.faults)
