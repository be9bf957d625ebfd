"""The example files are read by the real loader and say what the settings say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from tests.architecture.source import ROOT
from worker.settings import ClientSettings, WorkerSettings, load_client, load_worker
from worker.support.env_file import EnvFileSettings, SettingsError, keys_of

WORKER_EXAMPLE = ROOT / "config/worker.env.example"
CLIENT_EXAMPLE = ROOT / "config/clients/client.env.example"
EXAMPLES: dict[Path, type[EnvFileSettings]] = {WORKER_EXAMPLE: WorkerSettings, CLIENT_EXAMPLE: ClientSettings}

# What a person fills in, and nothing else.
FACTOR = {
    "ENVIRONMENT": "production",
    "FACTOR_NAME": "Eksempel Factoring AS",
    "FACTOR_ORGANISATION_NUMBER": "986252932",
    "FACTOR_ACCOUNT": "1503 20 80119",
    "FACTOR_CONTACT": "kundeservice@factoring.example",
    "FACTOR_RETURN_ADDRESS": "Eksempel Factoring AS, Postboks 100, 0101 Oslo",
    "POWEROFFICE_APPLICATION_KEY": "application-key",
    "ACCESS_POINT_URL": "https://ap.factoring.example",
    "ACCESS_POINT_TOKEN": "token",
    "SMTP_HOST": "smtp.factoring.example",
    "SMTP_FROM": "faktura@factoring.example",
    "PORTAL_URL": "https://faktura.factoring.example",
    "PORTAL_KEY": "0123456789abcdef0123456789abcdef",
}
CLIENT = {
    "CLIENT_NAME": "Blåbær & Sønn AS",
    "ORGANISATION_NUMBER": "986 252 932",
    "POWEROFFICE_CLIENT_KEY": "client-key",
    "KID_CLIENT_NUMBER": "1001",
}


def filled(example: Path, values: dict[str, str], *, with_defaults: bool = False) -> str:
    """The example with its blanks filled; `with_defaults` makes the keys that are commented out count."""
    text = example.read_text(encoding="utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^{key}=$", f"{key}='{value}'", text, flags=re.MULTILINE)
        assert count == 1, f"{key} is no blank to fill in {example.name}"
    return re.sub(r"^#(?=[A-Z][A-Z0-9_]*=)", "", text, flags=re.MULTILINE) if with_defaults else text


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("with_defaults", [False, True])
def test_the_factors_example_works_once_filled_in(tmp_path: Path, *, with_defaults: bool) -> None:
    places = {"DATABASE_URL": f"sqlite:///{tmp_path}/worker.db", "DOCUMENT_STORE": f"{tmp_path}/documents"}
    lines = "".join(f"{key}={place}\n" for key, place in places.items())  # which production wants whole
    path = written(tmp_path, "worker.env", filled(WORKER_EXAMPLE, FACTOR, with_defaults=with_defaults) + lines)
    settings = load_worker(path, environ={})
    assert settings.factor_account == "15032080119"
    _all_others_are_defaults(settings, FACTOR, besides={"CLIENTS_FOLDER", *places})


@pytest.mark.parametrize("with_defaults", [False, True])
def test_the_clients_example_works_once_filled_in(tmp_path: Path, *, with_defaults: bool) -> None:
    path = written(tmp_path, "blabaer.env", filled(CLIENT_EXAMPLE, CLIENT, with_defaults=with_defaults))
    settings = load_client(path).settings
    assert settings.organisation_number == "986252932"
    _all_others_are_defaults(settings, CLIENT, besides={"KID_LAYOUT"})


def _all_others_are_defaults(settings: EnvFileSettings, values: dict[str, str], *, besides: set[str]) -> None:
    for name, field in type(settings).model_fields.items():
        if name.upper() not in values and name.upper() not in besides:
            assert field.default is not PydanticUndefined, name
            assert getattr(settings, name) == field.default, name


def test_an_example_that_is_not_filled_in_names_every_blank(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        load_worker(written(tmp_path, "worker.env", filled(WORKER_EXAMPLE, {})), environ={})
    required = {key for key in FACTOR if WorkerSettings.model_fields[key.lower()].is_required()}
    assert set(told.value.faults) == {f"{key} is missing" for key in required}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_key_stands_in_the_example_once_and_is_explained(example: Path) -> None:
    lines = example.read_text(encoding="utf-8").splitlines()
    found: list[str] = []
    for number, line in enumerate(lines):
        key = re.match(r"#?([A-Z][A-Z0-9_]*)=", line)
        if key:
            found.append(key.group(1))
            assert lines[number - 1].startswith("# "), f"{key.group(1)} is not explained"
    assert found == keys_of(EXAMPLES[example])
