"""The lock between demo, test and production sees every host there is: a new setting cannot be forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from tests.unit.test_settings import DEMO, LIVE, worker
from worker.settings import WorkerSettings, lock
from worker.support.env_file import SettingsError

# Every setting that is free text stands in one of these. Whoever adds one has to say which.
ADDRESSES = {
    "DATABASE_URL": "postgresql://u:p@{}/worker",
    "DOCUMENT_STORE_ENDPOINT": "https://{}",
    "INBOX_SFTP_HOST": "{}",
    "POWEROFFICE_URL": "https://{}",
    "POWEROFFICE_V2_URL": "https://{}",
    "PEPPOL_DNS_SERVER": "{}:53",
    "PEPPOL_SMP_OVERRIDE": "https://{}",
    "ACCESS_POINT_URL": "https://{}",
    "STORECOVE_URL": "https://{}",
    "MAVENTA_URL": "https://{}",
    "SMTP_HOST": "{}",
    "IMAP_HOST": "{}",
    "SFTP_HOST": "{}",
    "PORTAL_URL": "https://{}",
    "PING_URL": "https://{}/{{job}}",
}
NO_ADDRESS = {
    # where it listens, and whom it believes
    "PORTAL_HOST", "PORTAL_TRUSTED_PROXIES", "OPS_HOST",
    # has a rule of its own below
    "DOCUMENT_STORE", "PEPPOL_ZONE",
    # names nobody to talk to
    "DOCUMENT_STORE_REGION", "DOCUMENT_STORE_ACCESS_KEY_ID", "INBOX_SFTP_USER", "INBOX_SFTP_HOST_KEY",
    "INBOX_SFTP_FOLDER", "INBOX_SFTP_DONE_FOLDER", "FACTOR_NAME", "FACTOR_ORGANISATION_NUMBER", "FACTOR_ACCOUNT",
    "FACTOR_BIC", "FACTOR_CONTACT", "FACTOR_RETURN_ADDRESS", "MAVENTA_SCOPE", "SMTP_USER", "SMTP_FROM",
    "BOUNCE_ADDRESS", "IMAP_USER", "IMAP_FOLDER", "IMAP_PROCESSED_FOLDER", "IMAP_UNMATCHED_FOLDER", "SFTP_USER",
    "SFTP_HOST_KEY", "SFTP_FOLDER", "REPORT_TO",
}  # fmt: skip
SECRETS = {
    "DOCUMENT_STORE_SECRET_ACCESS_KEY", "POWEROFFICE_APPLICATION_KEY", "POWEROFFICE_SUBSCRIPTION_KEY",
    "ACCESS_POINT_TOKEN", "STORECOVE_API_KEY", "MAVENTA_USER_KEY", "MAVENTA_VENDOR_KEY", "SMTP_PASSWORD",
    "IMAP_PASSWORD", "PORTAL_KEY", "OPS_TOKEN",
}  # fmt: skip
# What makes the address count.
USED = {
    "STORECOVE_URL": {"ACCESS_POINT": "storecove", "STORECOVE_API_KEY": "k", "STORECOVE_ACCOUNT": "sandbox"},
    "SFTP_HOST": {"PRINT_HOUSE": "sftp", "SFTP_USER": "u", "SFTP_KEY_PATH": "k", "SFTP_HOST_KEY": "ssh-ed25519 AAAA"},
    "INBOX_SFTP_HOST": {
        "INBOX": "sftp", "INBOX_SFTP_USER": "u", "INBOX_SFTP_KEY_PATH": "k", "INBOX_SFTP_HOST_KEY": "ssh-ed25519 AAAA",
    },
    "IMAP_HOST": {"IMAP_USER": "u", "IMAP_PASSWORD": "p"},
}  # fmt: skip
# In production these may be on the same machine: a relay, a proxy, a resolver, a database.
MAY_BE_LOCAL = {
    "DATABASE_URL", "DOCUMENT_STORE_ENDPOINT", "PEPPOL_DNS_SERVER", "ACCESS_POINT_URL", "SMTP_HOST", "IMAP_HOST",
    "PING_URL",
}  # fmt: skip


def told(tmp_path: Path, values: dict[str, str]) -> list[str]:
    try:
        worker(tmp_path, values)
    except SettingsError as error:
        return error.faults
    return []


def test_every_setting_that_is_text_is_judged_to_name_a_host_or_none(tmp_path: Path) -> None:
    texts = {
        name.upper()
        for name, field in WorkerSettings.model_fields.items()
        if field.annotation is str or str in get_args(field.annotation) or field.annotation is SecretStr
    }
    judged = ADDRESSES.keys() | NO_ADDRESS | SECRETS
    assert texts - judged == set(), "say in this test whether it names a host, and if so add it to lock.hosts_of"
    assert set(lock.hosts_of(worker(tmp_path, DEMO))) == set(ADDRESSES)


@pytest.mark.parametrize("key", ADDRESSES)
def test_demo_allows_no_host_elsewhere(tmp_path: Path, key: str) -> None:
    here = DEMO | USED.get(key, {})
    assert told(tmp_path, here | {key: ADDRESSES[key].format("127.0.0.1")}) == []
    for elsewhere in ("elsewhere.example", "127.0.0.1.elsewhere.example"):
        faults = told(tmp_path, here | {key: ADDRESSES[key].format(elsewhere)})
        assert faults == [f"ENVIRONMENT=demo allows only this machine: {key}"]


@pytest.mark.parametrize("key", sorted(ADDRESSES.keys() - MAY_BE_LOCAL - {"PEPPOL_SMP_OVERRIDE"}))
@pytest.mark.parametrize("here", ["127.0.0.1", "LOCALHOST", "localhost."])
def test_production_allows_no_sandbox(tmp_path: Path, key: str, here: str) -> None:
    live = LIVE | USED.get(key, {}) | {"STORECOVE_ACCOUNT": "live"}
    assert told(tmp_path, live) == [] or key in ("SFTP_HOST", "INBOX_SFTP_HOST")
    assert any("sandbox on this machine" in fault and key in fault
               for fault in told(tmp_path, live | {key: ADDRESSES[key].format(here)}))  # fmt: skip


def test_production_allows_no_override_and_a_document_store_elsewhere_is_no_demo(tmp_path: Path) -> None:
    assert any(
        "PEPPOL_SMP_OVERRIDE" in one for one in told(tmp_path, LIVE | {"PEPPOL_SMP_OVERRIDE": "https://smp.example"})
    )
    assert told(tmp_path, DEMO | {"DOCUMENT_STORE": "s3://bucket/prefix"}) != []
    assert told(tmp_path, LIVE | {"PEPPOL_ZONE": "acc.edelivery.tech.ec.europa.eu"}) != []


@pytest.mark.parametrize(
    "key", ["POWEROFFICE_URL", "POWEROFFICE_V2_URL", "MAVENTA_URL", "ACCESS_POINT_URL", "SMTP_HOST"]
)
@pytest.mark.parametrize("live", sorted(lock.LIVE_HOSTS))
def test_test_meets_no_live_host_under_any_key_or_spelling(tmp_path: Path, key: str, live: str) -> None:
    trial = {**DEMO, "ENVIRONMENT": "test"}
    assert told(tmp_path, trial) == []
    for spelt in (live, live.upper(), f"{live}."):
        assert told(tmp_path, trial | {key: ADDRESSES[key].format(spelt)}) == [
            f"ENVIRONMENT=test refuses the live host in {key}"
        ]


def test_the_vendors_test_path_of_v2_is_for_tests(tmp_path: Path) -> None:
    trial = {**DEMO, "ENVIRONMENT": "test"}
    assert told(tmp_path, trial | {"POWEROFFICE_V2_URL": "https://goapi.poweroffice.net/Demo"}) == []


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("POWEROFFICE_URL", "https://api-demo.poweroffice.net"),
        ("POWEROFFICE_V2_URL", "https://goapi.poweroffice.net/Demo"),
        ("MAVENTA_URL", "https://ax-stage.maventa.com"),
    ],
)
def test_production_allows_no_vendors_test_environment(tmp_path: Path, key: str, address: str) -> None:
    assert told(tmp_path, LIVE | {key: address}) == [
        f"ENVIRONMENT=production refuses the vendor's test environment in {key}"
    ]


@pytest.mark.parametrize(
    ("key", "place"), [("DATABASE_URL", "sqlite:///var/worker.db"), ("DOCUMENT_STORE", "var/documents")]
)
def test_production_has_one_memory_wherever_it_is_started(tmp_path: Path, key: str, place: str) -> None:
    with pytest.raises(SettingsError) as refused:
        worker(tmp_path, LIVE | {key: place})
    assert any(f"needs a whole path in {key}" in fault for fault in refused.value.faults)
    worker(tmp_path, DEMO | {key: place})
