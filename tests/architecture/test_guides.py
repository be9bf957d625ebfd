"""The guides for whoever adds something name files that are there, and every place that knows what was added last."""

from __future__ import annotations

import re

import pytest

from tests.architecture.source import ROOT

GUIDES = ("docs/adding-an-erp.md", "docs/adding-a-channel.md")
# Invented for the guide, and to be made by whoever follows it.
NEW = ("visma_net", "digipost")


def named(guide: str) -> set[str]:
    """Every path in backticks: with a folder, or a file of the root."""
    words = re.findall(r"`([^`\s]+)`", (ROOT / guide).read_text(encoding="utf-8"))
    return {word for word in words if re.fullmatch(r"(worker|tests|docs|config)/[\w./-]+|[A-Z]+\.md", word)}


@pytest.mark.parametrize("guide", GUIDES)
def test_every_file_a_guide_names_is_there(guide: str) -> None:
    paths = named(guide)
    assert len(paths) > 25
    there = {path for path in paths if not any(word in path for word in NEW)}
    assert {path for path in there if not (ROOT / path).exists()} == set()
    assert {path for path in paths - there if (ROOT / path).exists()} == set(), "it is not new any more"


@pytest.mark.parametrize(
    ("guide", "known_by", "besides"),
    [
        # Whatever names PowerOffice's adapter or settings has to be touched for the next ERP.
        (
            "docs/adding-an-erp.md",
            r"adapters\.poweroffice|poweroffice_(client|application)_key",
            "worker/demo/stage.py",
        ),
        # Whatever names one channel among others has to be looked at for the next.
        ("docs/adding-a-channel.md", r"Channel\.EFAKTURA", "worker/routing/step.py"),
    ],
)
def test_every_module_that_knows_the_last_one_is_named(guide: str, known_by: str, besides: str) -> None:
    knowing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "worker").rglob("*.py")
        if "adapters" not in path.parts and "sandbox" not in path.parts
        and re.search(known_by, path.read_text(encoding="utf-8"), re.IGNORECASE)
    }  # fmt: skip
    assert len(knowing) > 4
    assert knowing - named(guide) - {besides} == set()
