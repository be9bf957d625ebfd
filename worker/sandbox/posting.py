"""What can go wrong while a voucher is posted or reversed, the same over both versions of PowerOffice Go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from worker.sandbox.pace import Hold
from worker.sandbox.records import ClientTrouble

T = TypeVar("T")


async def carry_out(
    do: Callable[[], T], answer: Callable[[T], Response], *, trouble: ClientTrouble, request: Request, hold: Hold
) -> Response:
    """Do it and answer, unless one of the client's `voucher_..._next` troubles is due. A refusal uses up none of the
    troubles that come after the deed.
    """
    if trouble.voucher_500_next > 0:
        trouble.voucher_500_next -= 1
        return PlainTextResponse("Internal Server Error", status_code=500)
    if trouble.voucher_timeout_before_accept_next > 0:
        trouble.voucher_timeout_before_accept_next -= 1
        return await _never(request, hold)
    done = do()
    if trouble.voucher_500_after_accept_next > 0:
        trouble.voucher_500_after_accept_next -= 1
        return PlainTextResponse("Internal Server Error", status_code=500)
    if trouble.voucher_empty_after_accept_next > 0:
        trouble.voucher_empty_after_accept_next -= 1
        return Response(status_code=200)
    if trouble.voucher_timeout_after_accept_next > 0:
        trouble.voucher_timeout_after_accept_next -= 1
        return await _never(request, hold)
    return answer(done)


async def _never(request: Request, hold: Hold) -> Response:
    """No answer while the caller waits; a gateway's 504 if it outlasts the hold."""
    await hold.until_given_up(request)
    return Response(status_code=504)
