"""Who may import whom: the contracts of pyproject.toml hold, and each of them can be broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, WORKER

# One offence a contract: (file, what it imports besides).
OFFENCES = {
    "layers": ("routing/choose.py", "worker.settings"),
    "steps": ("postback/texts.py", "worker.routing.choose"),
    "adapters": ("runs.py", "worker.adapters.mail"),
    "vendors": ("adapters/mail/client.py", "worker.adapters.peppol"),
    "adapters-answer": ("adapters/mail/translate.py", "worker.store.keys"),
    "store": ("store/keys.py", "worker.ports"),
    "sandbox": ("service.py", "worker.sandbox.magic"),
    "outside-world": ("sandbox/magic.py", "worker.support.clock"),
    "demo": ("service.py", "worker.demo.cast"),
    "model": ("model/money.py", "os"),
    "ports": ("ports/erp.py", "worker.support.clock"),
    "httpx": ("adapters/peppol/client.py", "httpx"),
    "tenacity": ("support/http.py", "tenacity"),
    "apscheduler": ("day.py", "apscheduler"),
    "structlog": ("delivery/texts.py", "structlog"),
    "prometheus": ("runs.py", "prometheus_client"),
    "sql": ("cli.py", "sqlalchemy"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs lint-imports on the package that lies in `folder`."""
    return subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()",
         "--no-logo", "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder, env={"PYTHONPATH": str(folder), "PYTHONUTF8": "1", "COLUMNS": "200"},
        text=True, capture_output=True, check=False,
    )  # fmt: skip


def contracts() -> dict[str, str]:
    """Id and name of every contract."""
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def test_every_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(contracts())} kept, 0 broken." in done.stdout


def test_every_contract_can_be_broken(tmp_path: Path) -> None:
    assert set(OFFENCES) == set(contracts())
    shutil.copytree(WORKER, tmp_path / "worker", ignore=shutil.ignore_patterns("__pycache__", "*.ttf"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, imported in OFFENCES.values():
        with (tmp_path / "worker" / file).open("a", encoding="utf-8") as module:
            module.write(f"\nimport {imported}\n")
    done = lint(tmp_path)
    kept = [name for name in contracts().values() if f"{name} KEPT" in done.stdout]
    assert (done.returncode, kept) == (1, []), done.stdout + done.stderr


@pytest.mark.parametrize("room", sorted(path.name for path in WORKER.iterdir() if (path / "__init__.py").is_file()))
def test_every_room_is_in_the_architecture_document(room: str) -> None:
    assert f"`{room}`" in (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
