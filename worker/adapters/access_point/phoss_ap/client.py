"""phoss-ap as ports.AccessPoint."""

from __future__ import annotations

import asyncio
import uuid

from worker.adapters.access_point.phoss_ap import translate, wire
from worker.ports import Checked, OutboundDocument, Submission
from worker.support.http import HttpClient, HttpTrouble, Timeouts
from worker.support.retry import Sleep, with_retry

# A submission is answered when the receiver's access point has given its receipt.
TIMEOUTS = Timeouts(read=90.0, write=60.0, total=180.0)


class PhossAp:
    """One phoss-ap. Owns `http` (made with TIMEOUTS) and closes it.

    phoss-ap does not tell repeated keys apart when sending: `status` must say "never seen" first.
    """

    def __init__(self, *, http: HttpClient, base_url: str, token: str, sleep: Sleep = asyncio.sleep) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._sleep = sleep

    async def aclose(self) -> None:
        await self._http.aclose()

    async def submit(self, *, document: OutboundDocument) -> Submission:
        """See ports.AccessPoint. Sent once, never repeated here."""
        try:
            response = await self._http.request(
                "POST",
                self._base_url + wire.submit_path(document),
                headers={"X-Token": self._token, "Content-Type": "application/xml", "Accept": "application/json"},
                content=document.xml,
            )
        except HttpTrouble as error:
            raise translate.trouble(error, what="submit", changes=True) from None
        return translate.submitted(response, key=document.key)

    async def check(self, *, sender: str, tenant: str) -> Checked:
        """Asks for a document that was never sent, first as nobody: whoever answers that is no phoss-ap.

        It keeps no list of senders (2026-07).
        """
        url = self._base_url + wire.status_path(str(uuid.uuid4()))
        headers = {"Accept": "application/json"}
        try:
            as_nobody = await self._http.request("GET", url, headers=headers)
            as_ourselves = await self._http.request("GET", url, headers={**headers, "X-Token": self._token})
        except HttpTrouble as error:
            raise translate.trouble(error, what="check", changes=False) from None
        return translate.checked(as_nobody, as_ourselves)

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        """See ports.AccessPoint. Raises TryLater and SlowDown when it cannot be asked."""

        async def once() -> Submission | None:
            try:
                response = await self._http.request(
                    "GET",
                    self._base_url + wire.status_path(key),
                    headers={"X-Token": self._token, "Accept": "application/json"},
                )
            except HttpTrouble as error:
                raise translate.trouble(error, what="status", changes=False) from None
            return translate.status(response, key=key)

        return await with_retry(once, attempts=3, sleep=self._sleep)
