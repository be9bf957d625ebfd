"""The Peppol look-up as ports.ReachLookup: one DNS question, one GET, three-valued answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from worker.adapters.peppol import translate, wire
from worker.adapters.peppol.translate import NotNow
from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS
from worker.model.outcomes import TryLater
from worker.support import metrics
from worker.support.http import HttpClient, HttpResponse, HttpTrouble, NotSent, Timeouts
from worker.support.retry import Sleep, with_retry

TIMEOUTS = Timeouts(connect=5.0, read=5.0, write=5.0, pool=5.0, total=10.0)
_LARGEST_ANSWER = 2**20
_HEADERS: Mapping[str, str] = {"Accept": "text/xml"}  # ELMA answers 406 to application/xml
_ADDRESSES_TRIED = 3
_TOTAL_SECONDS = 20.0  # name, addresses and every try together: no SMP may hold up a run


@dataclass(slots=True)
class _Finding:
    """What has been found so far; the words are evidence."""

    name: str = ""
    smp: str = ""
    repeats_for: int = 0
    words: list[str] = field(default_factory=list[str])


class PeppolLookup:
    """Asks the SML zone (`participant.sml.prod.tech.peppol.org`) and the SMP it names.

    Owns `http` (made with TIMEOUTS: SMPs are strangers' machines) and closes it.

    `dns_server`: host address and port to ask; None means the system's resolver. `smp_override`: an origin
    (`http://127.0.0.1:8080`) called in place of every SMP's scheme, host and port; for the sandbox. The address in the
    DNS must be a proper one all the same, and its path is kept.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        zone: str,
        dns_server: tuple[str, int] | None = None,
        smp_override: str | None = None,
        dns_seconds: float = 5.0,
        total_seconds: float = _TOTAL_SECONDS,
        attempts: int = 2,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._http = http
        self._zone = zone
        self._dns_server = dns_server
        self._smp_override = smp_override
        self._dns_seconds = dns_seconds
        self._total_seconds = total_seconds
        self._attempts = attempts
        self._sleep = sleep

    async def aclose(self) -> None:
        await self._http.aclose()

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        """See ports.ReachLookup. The evidence names what was asked and what came back."""
        document_type = DOCUMENT_TYPE_IDS[kind]
        if not wire.is_participant(participant):
            return ReachAnswer(Reach.UNKNOWN, participant, document_type, "not a participant identifier")
        found = _Finding()
        try:
            async with asyncio.timeout(self._total_seconds):
                reach = await self._ask(participant, document_type, found)
        except NotNow as error:
            found.words.append(str(error))
            reach = Reach.UNKNOWN
        except TimeoutError:
            found.words.append(f"no answer within {self._total_seconds:g} s")
            reach = Reach.UNKNOWN
        return ReachAnswer(
            reach, participant, document_type, "; ".join(found.words),
            name=found.name, smp=found.smp, repeats_for=found.repeats_for,
        )  # fmt: skip

    async def _ask(self, participant: str, document_type: str, found: _Finding) -> Reach:
        name = found.name = wire.sml_name(participant, self._zone)
        try:
            resolver = self._resolver()
            records = await self._naptr(resolver, name)
        except dns.resolver.NXDOMAIN as error:
            found.repeats_for = _repeated_for(error)
            found.words.append("DNS: NXDOMAIN, not registered anywhere")
            return Reach.NO
        except dns.resolver.NoAnswer:
            raise NotNow("DNS: the name exists without NAPTR records") from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NotNow(f"DNS: no answer ({type(error).__name__})") from None
        record = wire.smp_record(records)
        if record is None:
            raise NotNow("DNS: no NAPTR record for Meta:SMP")
        try:
            smp = wire.smp_address(record)
        except wire.Malformed as error:
            raise NotNow(f"DNS: {error}") from None
        found.smp = f"{smp.host}{smp.path}"
        found.words.append(f"SMP {found.smp}")
        response = await self._get(resolver, smp, participant)
        reach, evidence = translate.judged(response, participant=participant, document_type=document_type)
        found.words.append(evidence)
        return reach

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=self._dns_server is None)
        if self._dns_server is not None:
            resolver.nameservers = [self._dns_server[0]]
            resolver.port = self._dns_server[1]
        resolver.lifetime = self._dns_seconds
        resolver.timeout = self._dns_seconds / 2
        return resolver

    async def _naptr(self, resolver: dns.asyncresolver.Resolver, name: str) -> list[wire.Naptr]:
        with metrics.calling("peppol_dns") as call:
            call.outcome = "no_answer"
            try:
                answer = await resolver.resolve(name, "NAPTR", search=False)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                call.outcome = "answered"
                raise
            call.outcome = "answered"
        return [
            wire.Naptr(
                r.order, r.preference, r.flags.decode("ascii"), r.service.decode("ascii"), r.regexp.decode("ascii")
            )
            for r in answer
        ]

    async def _get(self, resolver: dns.asyncresolver.Resolver, smp: wire.SmpAddress, participant: str) -> HttpResponse:
        """The SMP's answer, asked again once more when it could not give one. Raises NotNow."""
        if self._smp_override is not None:
            url, places = smp.service_group(participant, origin=self._smp_override), [None]
        else:
            url, places = smp.service_group(participant), await self._places(resolver, smp.host)

        async def once() -> HttpResponse:
            response = await self._first_reachable(url, places)
            if response.status == 429 or response.status >= 500:
                raise TryLater(f"SMP: HTTP {response.status}", retry_after=response.retry_after)
            return response

        try:
            return await with_retry(once, attempts=self._attempts, sleep=self._sleep)
        except TryLater as error:
            raise NotNow(error.message) from None

    async def _places(self, resolver: dns.asyncresolver.Resolver, host: str) -> Sequence[str | None]:
        """The host's addresses, looked up once and then connected to: a second look-up could answer differently."""
        try:
            answers = await resolver.resolve_name(f"{host}.", search=False)
        except (dns.exception.DNSException, OSError) as error:
            raise NotNow(f"DNS: no address for the SMP ({type(error).__name__})") from None
        return translate.public_addresses(answers.addresses())[:_ADDRESSES_TRIED]

    async def _first_reachable(self, url: str, places: Sequence[str | None]) -> HttpResponse:
        reason = "no address"
        for place in places:
            try:
                return await self._http.request(
                    "GET", url, headers=_HEADERS, max_bytes=_LARGEST_ANSWER, connect_to=place
                )
            except NotSent as error:
                reason = error.reason
            except HttpTrouble as error:
                raise TryLater(f"SMP: no answer ({error.reason})") from None
        raise TryLater(f"SMP: no connection ({reason})")


def _repeated_for(error: dns.resolver.NXDOMAIN) -> int:
    """Seconds for which a resolver may go on saying so from its cache: the SOA's, as it is sent along (RFC 2308 §5)."""
    authorities = [record for reply in error.responses().values() for record in reply.authority]
    return max(
        (min(s.ttl, s[0].minimum) for s in authorities if s.rdtype == dns.rdatatype.SOA and len(s)),
        default=0,
    )
