"""The outside world's state: who exists, what they hold, what they accepted. No sockets; `server.Sandbox` serves it.

Tests and the demo compare what the worker says with what stands here.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from worker.model.document import Kind
from worker.sandbox import magic
from worker.sandbox.erp import STATUS_NAMES, ClientState, SandboxClient
from worker.sandbox.maventa.state import MaventaState
from worker.sandbox.records import Account, Bounce, EhfSubmission, Mail, PrintHouseTrouble, StorecoveNews, Voucher

BOTH_KINDS = frozenset({Kind.INVOICE, Kind.CREDIT_NOTE})
_GIVEN_UP = frozenset({"permanently_failed", "rejected", "FAILED"})  # phoss-ap's words and Maventa's


@dataclass(slots=True, kw_only=True)
class _WorldState:
    application_key: str
    access_point_token: str
    dns_zone: str
    clients: list[ClientState]
    peppol: dict[str, list[Kind]]
    ehf_submissions: list[EhfSubmission]
    mails: list[Mail]
    bounces: list[Bounce]
    happened: list[str]
    print_house: PrintHouseTrouble = field(default_factory=PrintHouseTrouble)
    subscription_key: str = "sandbox-subscription-key"
    maventa: MaventaState = field(default_factory=MaventaState)
    storecove_news: list[StorecoveNews] = field(default_factory=list[StorecoveNews])


_STATE = TypeAdapter(_WorldState)


class World:
    """Everything outside the worker.

    `now` gives the counterparties' clock (aware datetimes; the demo turns it). `moment` gives seconds of a monotonic
    clock, which real-time behaviour (replica lag, token life, throttling) goes by.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        moment: Callable[[], float] = time.monotonic,
        application_key: str = "sandbox-application-key",
        access_point_token: str = "sandbox-access-point-token",  # noqa: S107 - opens nothing but the sandbox
        subscription_key: str = "sandbox-subscription-key",
        dns_zone: str = "participant.sml.sandbox.test",
    ) -> None:
        self.now = now
        self.moment = moment
        self.application_key = application_key
        self.access_point_token = access_point_token
        self.subscription_key = subscription_key
        self.dns_zone = dns_zone
        self.clients: dict[str, SandboxClient] = {}
        self.ehf_submissions: list[EhfSubmission] = []
        self.mails: list[Mail] = []
        self.bounces: list[Bounce] = []
        self.print_house = PrintHouseTrouble()
        self.maventa = MaventaState()
        self.storecove_key = "sandbox-storecove-key"
        self.storecove_news: list[StorecoveNews] = []
        self._documents: dict[str, bytes] = {}
        self._happened: set[str] = set()
        self._peppol: dict[str, frozenset[Kind]] = {}
        self._labels: dict[str, str] = {}
        self._register_magic()

    # --- setting it up ----------------------------------------------------------------------------

    def add_client(
        self,
        *,
        client_key: str,
        name: str,
        organisation_number: str,
        accounts: Mapping[int, str] | Iterable[Account] | None = None,
        lock_date: date | None = None,
    ) -> SandboxClient:
        """A client in the ERP, reached with its client key. `accounts`: code to name, or rows; None: a usual one."""
        if client_key in self.clients:
            raise ValueError("the client key is taken")
        client = SandboxClient(
            client_key=client_key,
            name=name,
            organisation_number=organisation_number,
            accounts=accounts,
            lock_date=lock_date,
            now=self.now,
            moment=self.moment,
            documents=self._documents,
        )
        self.clients[client_key] = client
        self.maventa.open_company(organisation_number)
        return client

    def register_peppol(
        self, participant: str, document_kinds: Iterable[Kind | str] = (Kind.INVOICE, Kind.CREDIT_NOTE)
    ) -> None:
        """Make a participant ("0192:986252932") able to receive these kinds; none: registered for orders only."""
        self._peppol[participant.lower()] = frozenset(Kind(kind) for kind in document_kinds)
        self._labels[peppol_label(participant)] = participant.lower()

    def unregister_peppol(self, participant: str) -> None:
        """Take a participant out of the network: NXDOMAIN and 404 from now on."""
        self._peppol.pop(participant.lower(), None)
        self._labels.pop(peppol_label(participant), None)

    # --- asking it --------------------------------------------------------------------------------

    def peppol_kinds(self, participant: str) -> frozenset[Kind] | None:
        """What the participant can receive; None when it is not registered."""
        return self._peppol.get(participant.lower())

    def participant_of_label(self, label: str) -> str | None:
        """The participant whose DNS label this is."""
        return self._labels.get(label.lower())

    def first_time(self, what: str) -> bool:
        """True the first time this is asked for `what`: for things that go wrong once."""
        first = what not in self._happened
        self._happened.add(what)
        return first

    @property
    def accepted_ehf(self) -> list[EhfSubmission]:
        """What went out, or will, to the receiver's access point. One key twice means it was sent twice."""
        return [row for row in self.ehf_submissions if row.final_state not in _GIVEN_UP]

    # --- reports ----------------------------------------------------------------------------------

    def erp_report(self) -> dict[str, Any]:
        """What the clients' ERPs hold about factoring: for `erp.json`. JSON values only; amounts are text."""
        return {"clients": [_client_report(client) for client in self.clients.values()]}

    def write_posted_back(self, folder: Path) -> list[Path]:
        """Write each file posted back to an ERP as `<organisation number>-<file name>`; an invoice's last wins."""
        folder.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for client in self.clients.values():
            names = _posted_back_names(client)
            for erp_id, calls in client.deliveries.items():
                for call in calls:
                    if call.file_sha256:
                        path = folder / names[erp_id]
                        path.write_bytes(self._documents[call.file_sha256])
                        written.append(path)
        return written

    # --- to a folder and back -----------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the state to `world.json` and `documents/<sha256>` in the folder. Includes the sandbox's own keys."""
        documents = folder / "documents"
        documents.mkdir(parents=True, exist_ok=True)
        for sha256, content in self._documents.items():
            path = documents / sha256
            if not path.exists():
                path.write_bytes(content)
        state = _WorldState(
            application_key=self.application_key,
            access_point_token=self.access_point_token,
            dns_zone=self.dns_zone,
            clients=[client.state() for client in self.clients.values()],
            peppol={participant: sorted(kinds) for participant, kinds in self._peppol.items()},
            ehf_submissions=self.ehf_submissions,
            mails=self.mails,
            bounces=self.bounces,
            happened=sorted(self._happened),
            print_house=self.print_house,
            subscription_key=self.subscription_key,
            maventa=self.maventa,
            storecove_news=self.storecove_news,
        )
        part = folder / "world.json.part"
        part.write_bytes(_STATE.dump_json(state, indent=1))
        part.replace(folder / "world.json")

    @classmethod
    def load(cls, folder: Path, *, now: Callable[[], datetime], moment: Callable[[], float] = time.monotonic) -> World:
        """Read what `save` wrote. Raises OSError, pydantic.ValidationError, or ValueError for a changed document."""
        state = _STATE.validate_json((folder / "world.json").read_bytes())
        world = cls(
            now=now,
            moment=moment,
            application_key=state.application_key,
            access_point_token=state.access_point_token,
            subscription_key=state.subscription_key,
            dns_zone=state.dns_zone,
        )
        for path in (folder / "documents").iterdir():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != path.name:
                raise ValueError(f"document {path.name} has been changed")
            world._documents[path.name] = content
        for client_state in state.clients:
            client = world.add_client(
                client_key=client_state.client_key,
                name=client_state.name,
                organisation_number=client_state.organisation_number,
                accounts=client_state.accounts,
                lock_date=client_state.lock_date,
            )
            client.restore(client_state)
        for participant in set(world._peppol) - set(state.peppol):
            world.unregister_peppol(participant)
        for participant, kinds in state.peppol.items():
            world.register_peppol(participant, kinds)
        world.ehf_submissions = state.ehf_submissions
        world.mails = state.mails
        world.bounces = state.bounces
        world._happened = set(state.happened)
        world.print_house = state.print_house
        world.maventa = state.maventa
        world.storecove_news = state.storecove_news
        return world

    def _register_magic(self) -> None:
        for number in magic.SMP_MAGIC | magic.ACCESS_POINT_MAGIC | magic.HOSTED_MAGIC:
            kinds: frozenset[Kind] = BOTH_KINDS
            if number == magic.SMP_INVOICE_ONLY:
                kinds = frozenset({Kind.INVOICE})
            elif number == magic.SMP_ORDERS_ONLY:
                kinds = frozenset()
            self.register_peppol(f"0192:{number}", kinds)


def peppol_label(participant: str) -> str:
    """The participant's DNS label: base32 of the SHA-256 of the lower-cased value, no padding (Peppol SML, U-NAPTR)."""
    digest = hashlib.sha256(participant.lower().encode()).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


def safe_name(text: str, *, default: str) -> str:
    """The text as a file name: letters, digits, dot, dash and underscore, at most 80, never hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".")[:80] or default


def _posted_back_names(client: SandboxClient) -> dict[str, str]:
    """A file name per invoice with a posted-back file; invoices whose files have the same name get their id added."""
    names: dict[str, str] = {}
    for erp_id, calls in client.deliveries.items():
        for call in calls:
            if call.file_sha256:
                name = f"{client.organisation_number}-{safe_name(call.file_name or '', default=erp_id)}"
                stem, dot, suffix = name.rpartition(".")
                names[erp_id] = f"{stem}-{erp_id[:8]}{dot}{suffix}" if name in names.values() else name
    return names


def _client_report(client: SandboxClient) -> dict[str, Any]:
    names = _posted_back_names(client)
    invoices: list[dict[str, Any]] = []
    for invoice in client.invoices.values():
        calls = client.deliveries.get(invoice.id, [])
        with_file = [call for call in calls if call.file_sha256]
        invoices.append(
            {
                "number": invoice.number,
                "id": invoice.id,
                "customer_code": invoice.customer_code,
                "total": str(invoice.total),
                "credits": invoice.original_number,
                "status": invoice.status,
                "status_name": STATUS_NAMES[invoice.status],
                "status_text": invoice.status_text,
                "is_delivered": invoice.delivered,
                "kid": next((call.kid for call in calls if call.kid), None),
                "comments": [call.comment for call in calls if call.comment],
                "calls": [{"call": call.call, "at": call.at.isoformat(), "status": call.status} for call in calls],
                "file_name": with_file[-1].file_name if with_file else None,
                "file_sha256": with_file[-1].file_sha256 if with_file else None,
                "file": names.get(invoice.id),
            }
        )
    return {
        "name": client.name,
        "organisation_number": client.organisation_number,
        "invoices": invoices,
        "vouchers": [_voucher_report(voucher) for voucher in client.vouchers.values()],
    }


def _voucher_report(voucher: Voucher) -> dict[str, Any]:
    return {
        "number": voucher.number,
        "service": voucher.service,
        "date": voucher.on.isoformat(),
        "currency": voucher.currency_code,
        "description": voucher.description,
        "reference": voucher.reference,
        "is_reversed": voucher.is_reversed,
        "reverses": voucher.reverses,
        "lines": [
            {
                "account": line.account_code,
                "amount": str(line.amount),
                "date": line.on.isoformat(),
                "invoice": line.invoice_no,
                "kid": line.cid,
                "description": line.description,
            }
            for line in voucher.lines
        ],
    }
