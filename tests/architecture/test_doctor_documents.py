"""Every check of the doctor is described, and nothing that is not there."""

from __future__ import annotations

import ast

from tests.architecture.source import WORKER, table


def test_every_check_is_described() -> None:
    tree = ast.parse((WORKER / "wiring" / "doctor.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Check"]
    names = [str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)]
    assert len(names) == len(calls) == len(set(names)) > 15
    assert set(table("docs/operating.md", "The doctor")) == set(names)
