"""The search that proves logs clean finds what there is to find, however it is written."""

from __future__ import annotations

import json

import pytest

from tests.privacy import Thing, search

THINGS = {
    Thing("name", "Kari Østby"),
    Thing("part of a name", "Østby"),
    Thing("e-mail", "kari.ostby@privat.example"),
    Thing("KID", "1001000050010"),
    Thing("code", "048213"),
    Thing("token", "x-_Zk3"),
}


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ("to KARI ØSTBY in full", {"name"}),
        ("Østby, Kari", {"part of a name"}),
        ("<kari.ostby@privat.example>", {"e-mail"}),
        ("kid=1001000050010;", {"KID"}),
        ("typed 048213", {"code"}),
        ("GET /i/x-_Zk3?lang=nb", {"token"}),
        ("østby is written otherwise, 0482131 and 21001000050010 are other numbers", set()),
    ],
)
def test_what_is_planted_is_found(message: str, kinds: set[str]) -> None:
    clean = json.dumps({"event": "run.done", "level": "info"})
    line = json.dumps({"event": "library.message", "message": message, "fault": []}, ensure_ascii=False)
    found = search([clean, line], THINGS)
    assert {kind for _, _, kind in found.hits} == kinds
    assert {(number, event) for number, event, _ in found.hits} <= {(2, "library.message")}
    assert (found.lines, found.things) == (2, len(THINGS))


def test_a_name_in_a_field_or_a_list_is_found_and_a_time_is_no_code() -> None:
    line = {"event": "x.y", "fault": ["a", "Kari Østby"], "timestamp": "2026-11-21T22:35:33.048213+00:00"}
    assert [kind for *_, kind in search([json.dumps(line)], THINGS).hits if kind != "part of a name"] == ["name"]
