"""The compose examples: settings there are, secrets that are handed in, and no more rights than the worker needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.source import ROOT
from tests.architecture.test_settings_examples import FACTOR
from worker.settings import WorkerSettings, load_worker
from worker.support.env_file import is_key_of

EXAMPLES = sorted(ROOT.glob("config/compose.*.yaml"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_worker_is_held_on_a_short_lead(path: Path) -> None:
    worker = read(path)["services"]["worker"]
    assert worker["read_only"] is True
    assert worker["cap_drop"] == ["ALL"]
    assert worker["security_opt"] == ["no-new-privileges:true"]
    assert worker["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's own
    assert int(worker["stop_grace_period"].removesuffix("s")) >= 60
    assert not {"privileged", "user", "network_mode", "pid"} & set(worker)
    # The image's own health check counts: none is written a second time.
    assert "healthcheck" not in worker
    assert "HEALTHCHECK" in DOCKERFILE


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_volumes_are_where_the_image_looks(path: Path) -> None:
    example = read(path)
    for service in example["services"].values():
        for volume in service["volumes"]:
            source, target, *mode = volume.split(":")
            if source.startswith("./"):
                assert mode == ["ro"], volume
            else:
                assert source in example["volumes"], volume
            if service is example["services"]["worker"]:
                assert any(target == known or target.startswith(f"{known}/")
                           for known in ("/var/lib/factoring-worker", "/etc/factoring-worker")), volume  # fmt: skip
    assert re.search(r"^VOLUME /var/lib/factoring-worker$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_key_is_one_and_every_secret_is_handed_in(path: Path) -> None:
    example = read(path)
    worker = example["services"]["worker"]
    for key, value in worker["environment"].items():
        assert is_key_of(WorkerSettings, key), key
        if key.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in worker["secrets"]
    named = {name for service in example["services"].values() for name in service.get("secrets", [])}
    assert named == set(example["secrets"])
    assert not [key for key in worker["environment"] if is_key_of(WorkerSettings, f"{key}_FILE")
                and "sqlite" not in worker["environment"][key]], "a secret in the open"  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_settings_are_whole(path: Path, tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    for key, value in read(path)["services"]["worker"]["environment"].items():
        environment[key] = value
        if key.endswith("_FILE"):
            secret = tmp_path / value.rpartition("/")[2]
            secret.write_text("postgresql://factoring:pw@database/factoring" if "database_url" in value else "x" * 40)
            environment[key] = str(secret)
    rest = {k: v for k, v in FACTOR.items() if k not in environment and f"{k}_FILE" not in environment}
    if "s3" in environment["DOCUMENT_STORE"]:
        rest["DOCUMENT_STORE_ACCESS_KEY_ID"] = "key"
    (tmp_path / "worker.env").write_text("".join(f"{k}='{v}'\n" for k, v in rest.items()), encoding="utf-8")
    settings = load_worker(tmp_path / "worker.env", environ=environment)
    assert settings.environment == "production"
    assert settings.database_url.startswith(path.name.split(".")[1].replace("postgres", "postgresql"))
    assert settings.portal_key.get_secret_value() == "x" * 40
