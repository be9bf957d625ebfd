"""Storecove as ports.AccessPoint."""

from __future__ import annotations

import asyncio
from typing import Final

from worker.adapters.storecove import translate, wire
from worker.model.outcomes import AccessDenied, Refused, TryLater, UnknownOutcome
from worker.ports import Checked, NoticeShelf, OutboundDocument, Submission
from worker.support.http import HttpClient, HttpResponse, HttpTrouble
from worker.support.retry import Sleep, with_retry

NOTICES_AT_ONCE: Final = 500


class Storecove:
    """One account at Storecove, with a legal entity for each seller (`tenant`). Owns `http` and closes it.

    What became of a document is told once, in a queue for the whole account. Whoever asks empties the queue first: each
    notice is put on the `shelf` for good and only then taken off, so a crash between the two tells it again. The queue
    must be this program's alone. A key is processed once however often it is sent, so "never seen" is safe to say of a
    document whose answer was lost and of which nothing has been told.
    """

    def __init__(
        self, *, http: HttpClient, base_url: str, api_key: str, shelf: NoticeShelf, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._key = api_key
        self._shelf = shelf
        self._sleep = sleep
        self._emptying = asyncio.Lock()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def check(self, *, sender: str, tenant: str) -> Checked:
        """See ports.CheckedAccessPoint. The queue of news is left alone."""
        try:
            answer = await self._call("GET", wire.legal_entity_path(tenant))
        except HttpTrouble as error:
            raise translate.trouble(error, what="legal entity", changes=False) from None
        return translate.legal_entity(answer, sender=sender)

    async def submit(self, *, document: OutboundDocument) -> Submission:
        """See ports.AccessPoint. Sent once, never repeated here."""
        if not (document.tenant.isascii() and document.tenant.isdigit()):
            raise AccessDenied("submit: the client has no legal entity: ACCESS_POINT_TENANT")
        scheme = wire.SCHEMES.get(document.receiver.partition(":")[0])
        if scheme is None:
            raise Refused("submit: Storecove's name of the receiver's identifier scheme is not known")
        try:
            answer = await self._call("POST", wire.SUBMIT, wire.submission(document, scheme=scheme))
        except HttpTrouble as error:
            raise translate.trouble(error, what="submit", changes=True) from None
        try:
            return translate.submitted(answer, key=document.key)
        except Refused as refusal:
            # A used key is a 422 too, and how its reasons are worded is not documented (2026-07): news about the key
            # are proof that it was taken.
            told = await self._known(document.key, refusal)
            if told is None:
                raise
            return told

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        """See ports.AccessPoint. Raises TryLater and SlowDown when it cannot be asked."""

        async def once() -> Submission | None:
            try:
                await self._empty_queue()
                told = translate.from_notices(self._shelf.about(key=key.lower(), reference=reference))
                if told is not None or not reference:
                    return told
                answer = await self._call("GET", wire.evidence_path(reference))
            except HttpTrouble as error:
                raise translate.trouble(error, what="status", changes=False) from None
            return translate.evidence(answer, reference=reference)

        return await with_retry(once, attempts=3, sleep=self._sleep)

    async def _known(self, key: str, refusal: Refused) -> Submission | None:
        try:
            return await self.status(key=key)
        except TryLater:
            said = "submit: turned down, and whether it was taken before cannot be found out now"
            raise UnknownOutcome(said, answer=refusal.answer) from None

    async def _empty_queue(self) -> None:
        async with self._emptying:
            for _ in range(NOTICES_AT_ONCE):
                answer = await self._call("GET", wire.QUEUE)
                if answer.status == 204:
                    return
                if not 200 <= answer.status < 300:
                    raise translate.not_told(answer, what="queue")
                try:
                    notice = wire.read_notice(answer.content)
                except wire.Unreadable:
                    raise TryLater("queue: not a notice in the answer", answer=answer.described()) from None
                self._shelf.keep(notice)
                gone = await self._call("DELETE", wire.notice_path(notice.id))
                if not (200 <= gone.status < 300 or gone.status == 404):  # 404: another worker was quicker
                    raise translate.not_told(gone, what="queue")

    async def _call(self, method: str, path: str, body: bytes | None = None) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(method, self._base_url + path, headers=headers, content=body)
