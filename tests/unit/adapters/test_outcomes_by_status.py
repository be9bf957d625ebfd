"""One table for every HTTP adapter: what each status means for a call that changes something and for one that asks.

A body of `{}` proves nothing, so 2xx is left to the adapters' own tests.
"""

from __future__ import annotations

import pytest

from worker.adapters.access_point.phoss_ap import translate as phoss
from worker.adapters.poweroffice_go import translate as go
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.support.http import HttpResponse

A, R, T, S, U = AccessDenied, Refused, TryLater, SlowDown, UnknownOutcome

# status: (Go asks, Go changes, access point status, access point submit)
TABLE: dict[int, tuple[type[OutsideError], type[OutsideError], type[OutsideError], type[OutsideError]]] = {
    301: (T, U, T, U),
    302: (T, U, T, U),
    400: (R, R, T, R),
    401: (A, A, T, A),
    403: (A, A, T, A),
    404: (R, R, T, A),
    405: (R, R, T, R),
    408: (T, U, T, U),
    409: (R, R, T, R),
    413: (R, R, T, R),
    415: (R, R, T, R),
    429: (S, S, S, S),
    500: (T, U, T, U),
    502: (T, U, T, U),
    503: (T, U, T, U),
    504: (T, U, T, U),
    599: (T, U, T, U),
}


def outcome(adapter: str, response: HttpResponse) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        if adapter == "go asks":
            go.answered(response, what="list", changes=False)
        elif adapter == "go changes":
            go.answered(response, what="delivered", changes=True)
        elif adapter == "phoss status":
            phoss.status(response, key="k")
        else:
            phoss.submitted(response, key="k")
    return caught.value


@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("column", range(4), ids=["go asks", "go changes", "phoss status", "phoss submit"])
def test_status_to_outcome(status: int, column: int) -> None:
    adapter = ("go asks", "go changes", "phoss status", "phoss submit")[column]
    secret = "kari@nordmann.example"
    response = HttpResponse(status, {"content-type": "text/html", "retry-after": "7"}, f"<p>{secret}</p>".encode())
    error = outcome(adapter, response)
    assert type(error) is TABLE[status][column]
    assert f"HTTP {status}" in error.answer
    assert secret not in f"{error.message}{error.answer}"
    if isinstance(error, SlowDown):
        assert error.retry_after == 7.0


def test_missing_privilege_is_named() -> None:
    assert "privilege" in outcome("go changes", HttpResponse(403)).message
