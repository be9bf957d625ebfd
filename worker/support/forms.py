"""Reading a posted form, whoever posts it."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request

MAX_BODY = 2048  # bytes; a code and its name need twenty


async def posted(request: Request) -> dict[str, str] | int:
    """The fields, first of each name; or the status to refuse with: 413 when too large, 415 when it is no form."""
    body = await _body(request)
    if body is None:
        return 413
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return 415
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=10)
    except ValueError:  # neither text nor ten fields: as if nothing had been typed
        return {}
    return {name: values[0] for name, values in fields.items()}


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is larger than any form of ours."""
    stated = request.headers.get("content-length", "0")
    if not stated.isdigit() or int(stated) > MAX_BODY:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)
