"""Every kind of document is drawn as its golden file says, text by text and place by place."""

from __future__ import annotations

import pytest

from tests.golden.documents import GOLDEN
from tests.golden.reading import described
from tests.golden.regenerate import golden_file, main
from worker.stamping.pdf import draw


@pytest.mark.parametrize("name", GOLDEN)
def test_the_drawing_is_as_before(name: str) -> None:
    drawn = described(draw(*GOLDEN[name]()).content)
    assert drawn == golden_file(name).read_text(encoding="utf-8"), "see: python -m tests.golden.regenerate"


def test_no_golden_file_is_left_behind() -> None:
    files = {path.stem for path in golden_file("invoice").parent.iterdir()}
    assert files == set(GOLDEN)


def test_regenerating_writes_only_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    path = golden_file("person")
    right = path.read_text(encoding="utf-8")
    changed = right.replace("Karasjok", "Kautokeino")
    assert changed != right
    try:
        path.write_text(changed, encoding="utf-8")
        assert main(["person"]) == 1
        assert path.read_text(encoding="utf-8") == changed
        shown = capsys.readouterr().out
        assert "Kautokeino" in shown
        assert "Karasjok" in shown
        assert main(["--write", "person"]) == 0
        assert path.read_text(encoding="utf-8") == right
    finally:
        path.write_text(right, encoding="utf-8")
