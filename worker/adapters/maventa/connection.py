"""The line to Maventa that both adapters share: a token for each seller's company, and waiting when told to."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

from worker.adapters.maventa import translate, wire
from worker.model.outcomes import AccessDenied, OutsideError, SlowDown
from worker.ports import Submission
from worker.support.bearer import Token, TokenHolder
from worker.support.http import HttpClient, HttpResponse, HttpTrouble, Timeouts
from worker.support.retry import LONGEST_WAIT, Sleep, with_retry

T = TypeVar("T")

TIMEOUTS = Timeouts(read=60.0, write=60.0, total=150.0)
SCOPE = "lookup invoice:send"  # no more than the adapters need


class MaventaConnection:
    """Owns `http` and closes it; closing twice is harmless, so each adapter may.

    The seller's company is the OAuth client: one token a company, all got with the factor's one user key. `base_url` is
    `https://ax.maventa.com`, or `https://ax-stage.maventa.com` for the vendor's test environment.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        user_key: str,
        vendor_key: str,
        scope: str = SCOPE,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._user_key = user_key
        self._vendor_key = vendor_key
        self._scope = scope
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens: dict[str, TokenHolder] = {}
        self._quiet_until = 0.0

    async def aclose(self) -> None:
        await self._http.aclose()

    async def upload(self, upload: wire.Upload, *, tenant: str, key: str, peppol: bool) -> Submission:
        """An invoice into the seller's company, sent once (twice when the first came back 401: then nothing was done).

        One that Maventa already has is answered with what it has: after a refusal it is asked whether it knows the
        UUID, since what it says to a repeated one is not documented. Raises the outcomes of worker.model.outcomes.
        """
        response = await self._call("POST", wire.INVOICES_PATH, what="submit", tenant=tenant, upload=upload)
        try:
            return translate.uploaded(response, key=key, peppol=peppol)
        except translate.Taken as turned_down:
            refused = turned_down
        try:
            there = await self.find(tenant=tenant, key=key, peppol=peppol)
        except OutsideError:
            raise translate.unproven(refused.refusal) from None
        if there is not None:
            return there
        # "Exists", and yet not to be seen: in another company of the account, or not readable yet.
        raise translate.hidden(refused.refusal) if refused.likely_ours else refused.refusal

    async def find(self, *, tenant: str, key: str, peppol: bool, reference: str = "") -> Submission | None:
        """The invoice as Maventa holds it; None when it is not in the seller's company."""
        asked = reference or key

        def judge(response: HttpResponse) -> Submission | None:
            return translate.status(response, asked=asked, key=key, peppol=peppol)

        found = await self.read(wire.invoice_path(asked), judge, what="status", tenant=tenant)
        if found is None and reference:
            raise translate.vanished()
        return found

    async def check(self, *, tenant: str) -> None:
        """A token for the seller's company, and the look for an invoice that was never sent."""
        await self.find(tenant=tenant, key=str(uuid.uuid4()), peppol=True)

    async def read(self, path: str, judge: Callable[[HttpResponse], T], *, what: str, tenant: str) -> T:
        """A GET as `judge` reads its answer, repeated while they say 429, 5xx or nothing of use."""

        async def once() -> T:
            return judge(await self._call("GET", path, what=what, tenant=tenant))

        return await with_retry(once, attempts=3, sleep=self._sleep)

    async def _call(
        self, method: str, path: str, *, what: str, tenant: str, upload: wire.Upload | None = None
    ) -> HttpResponse:
        if not tenant:
            raise AccessDenied(
                f"{what}: the client has no company at Maventa (tenant) in its settings; nothing was sent"
            )
        holder = self._tokens.get(tenant)
        if holder is None:
            holder = self._tokens[tenant] = self._holder(tenant)
        token = await holder.get()
        response = await self._send(method, path, what=what, token=token, upload=upload)
        if response.status == 401:
            token = await holder.get(rejected=token)
            response = await self._send(method, path, what=what, token=token, upload=upload)
        return response

    async def _send(self, method: str, path: str, *, what: str, token: str, upload: wire.Upload | None) -> HttpResponse:
        headers = {"Authorization": f"Bearer {token}"}
        if upload is not None:
            headers["Content-Type"] = upload.content_type
        content = upload.body if upload is not None else None
        return await self._request(method, path, what=what, headers=headers, content=content, changes=method != "GET")

    def _holder(self, company: str) -> TokenHolder:
        form = wire.token_form(company=company, user_key=self._user_key, vendor_key=self._vendor_key, scope=self._scope)

        async def fetch() -> Token:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return translate.token(
                await self._request("POST", wire.TOKEN_PATH, what="token", headers=headers, content=form, changes=False)
            )

        return TokenHolder(fetch=fetch, monotonic=self._monotonic, sleep=self._sleep)

    async def _request(
        self, method: str, path: str, *, what: str, headers: dict[str, str], content: bytes | None, changes: bool
    ) -> HttpResponse:
        try:
            response = await self._http.request(
                method,
                self._base_url + path,
                headers={**headers, "Accept": "application/json"},
                content=content,
                turn=self._turn,
            )
        except HttpTrouble as error:
            raise translate.trouble(error, what=what, changes=changes) from None
        if response.status == 429:
            self._quiet_until = self._monotonic() + (response.retry_after or 1.0)
        return response

    async def _turn(self) -> None:
        """Nobody sends while Maventa has asked for quiet. Raises SlowDown when that is longer than one waits here."""
        wait = self._quiet_until - self._monotonic()
        if wait > LONGEST_WAIT:
            raise SlowDown("Maventa asked for a pause", retry_after=wait)
        if wait > 0:
            await self._sleep(wait)
