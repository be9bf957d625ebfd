"""What .ci/image does inside the image, with its own Python and nothing else: `settings FOLDER` writes settings that
reach nothing; `run` starts what the image's settings say, asks how it is as a container host would, and ends it."""

# ruff: noqa: S108, S603, T201 - its own container, its own commands, and a report to the terminal

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

FACTOR = {
    "ENVIRONMENT": "demo",
    "FACTOR_NAME": "Eksempel Factoring AS",
    "FACTOR_ORGANISATION_NUMBER": "986252932",
    "FACTOR_ACCOUNT": "15032080119",
    "FACTOR_CONTACT": "kundeservice@factoring.example",
    "FACTOR_RETURN_ADDRESS": "Eksempel Factoring AS, Postboks 100, 0101 Oslo",
    "POWEROFFICE_URL": "http://127.0.0.1:9",
    "POWEROFFICE_APPLICATION_KEY_FILE": "/etc/factoring-worker/application_key",
    "PEPPOL_DNS_SERVER": "127.0.0.1:9",
    "PEPPOL_SMP_OVERRIDE": "http://127.0.0.1:9",
    "ACCESS_POINT": "folder",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_FROM": "faktura@factoring.example",
    "PORTAL_URL": "http://127.0.0.1:18080",
    "PORTAL_KEY_FILE": "/etc/factoring-worker/portal_key",
    "OPS_PORT": "18081",
}
CLIENT = {
    "CLIENT_NAME": "Eksempel AS",
    "ORGANISATION_NUMBER": "986252932",
    "POWEROFFICE_CLIENT_KEY": "smoke",
    "KID_LAYOUT": "client:4 invoice:8",
    "KID_CLIENT_NUMBER": "1001",
}


def settings(folder: Path) -> None:
    for path, values in ((folder / "worker.env", FACTOR), (folder / "clients" / "eksempel.env", CLIENT)):
        path.write_text("".join(f"{key}='{value}'\n" for key, value in values.items()), encoding="utf-8")
    (folder / "application_key").write_text("smoke\n")
    (folder / "portal_key").write_text("0123456789abcdef" * 2 + "\n")


def run() -> None:
    config = json.loads(Path("/tmp/image.json").read_text())["Docker"]["config"]
    env = dict(one.split("=", 1) for one in config["Env"]) | {"PORTAL_PORT": "18080"}
    env["TINI_SUBREAPER"] = "1"  # it is not the first process here, as it is in a container
    os.chdir(config["WorkingDir"])
    uid = f"{os.getuid()}:{os.getgid()}"
    _must(uid == config["User"], f"runs as {uid}")
    written = [place for place in ("/", "/opt/venv", "/etc/factoring-worker", "/usr/share") if _can_write(Path(place))]
    _must(not written, f"can write to {written}")
    call([*config["Entrypoint"], "settings"], env)
    call([*config["Entrypoint"], "migrate"], env)
    check = config["Healthcheck"]["Test"]
    _must(check[0] == "CMD", "the health check is no plain command")
    _must(
        subprocess.run(check[1:], env=env, check=False, capture_output=True).returncode == 1, "healthy before it runs"
    )

    began = time.monotonic()
    with Path("/tmp/worker.log").open("wb") as log, Path("/tmp/worker.err").open("wb") as err:
        worker = subprocess.Popen([*config["Entrypoint"], *config["Cmd"]], env=env, stdout=log, stderr=err)
    while subprocess.run(check[1:], env=env, check=False, capture_output=True).returncode:
        _must(worker.poll() is None and time.monotonic() - began < 60, "it does not become healthy")
        time.sleep(0.05)
    started = time.monotonic() - began
    call([*check[1:], "--ready"], env)
    time.sleep(3)
    memory = _memory(b"factoring-worker\0run")
    worker.terminate()
    stopping = time.monotonic()
    _must(worker.wait(60) == 0, f"it ended with {worker.returncode}")
    lines = [json.loads(line) for line in Path("/tmp/worker.log").read_text().splitlines()]
    _must(lines[-1]["event"] == "worker.stopped", "it did not say that it stopped")
    beside = Path("/tmp/worker.err").read_text()
    _must(not beside, f"words beside its log: {beside}")
    faults = [line["event"] for line in lines if line["level"] == "error" and not line["event"].startswith("erp.")]
    _must(not faults, f"errors in its log: {faults}")
    print(
        f"runs as {uid} with a read-only root: healthy after {started:.1f} s, idle at {memory:.0f} MB, "
        f"stopped in {time.monotonic() - stopping:.1f} s, {len(lines)} lines of JSON"
    )


def call(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    _must(done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")


def _can_write(folder: Path) -> bool:
    try:
        (folder / "try").write_text("")
    except OSError:
        return False
    return True


def _memory(command: bytes) -> float:
    """Megabytes of the worker's own process, tini left out."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if command in (line := (path / "cmdline").read_bytes()) and b"tini" not in line:
                status = (path / "status").read_text()
                return int(status.split("VmRSS:")[1].split()[0]) / 1024
        except (OSError, IndexError):
            continue
    raise SystemExit("image: the worker's process is not there")


def _must(holds: bool, what: str) -> None:
    if not holds:
        log = Path("/tmp/worker.log")
        raise SystemExit(f"image: {what}\n{log.read_text()[-3000:] if log.exists() else ''}")


if __name__ == "__main__":
    settings(Path(sys.argv[2])) if sys.argv[1] == "settings" else run()
