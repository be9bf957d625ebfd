"""For every test: async tests run on asyncio, the loop the worker runs on; property tests repeat themselves.

`HYPOTHESIS_PROFILE=explore` looks for new examples instead, as one does when a rule has changed.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skipped test looks like a dot. That nobody has looked at the pages must not."""
    for report in terminalreporter.stats.get("skipped", []):
        if "NO BROWSER" in str(report.longrepr):
            terminalreporter.section("tests/browser was skipped", red=True, bold=True)
            terminalreporter.line("chromium is not on the PATH: nobody has looked at the portal's pages", red=True)
            return


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto`: one more for every two cores, because much of the time a test waits for a socket or a disk."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
