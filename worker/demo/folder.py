"""`demo --invoices FOLDER`: the day played with somebody's own documents, one demo client per seller found."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from worker.demo.calendar import FIRST_DAY, LETTER_DAY, SECOND_DAY
from worker.demo.scenes import Plot, Scene, working_day
from worker.demo.stage import ClientEnv, DemoError
from worker.model.document import Document, Kind
from worker.model.ehf import DocumentError, read_document, seller_company_id
from worker.model.party import email_addresses
from worker.sandbox.erp import SandboxClient
from worker.sandbox.world import World


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    content: bytes
    document: Document | None
    fault: str


def from_folder(world: World, folder: Path) -> Plot:
    """Every `*.xml` under the folder becomes an invoice of its seller. A file that cannot be read is given to the first
    client, so that the worker parks it and says why. Raises DemoError when no document is usable."""
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*.xml") if path.is_file())
    found = [_read(path) for path in files]
    sellers = {identity: None for one in found if one.document and (identity := seller_company_id(one.document))}
    if not sellers:
        raise DemoError(f"{folder} has no Peppol BIS invoice or credit note that names its seller ({len(files)} files)")
    clients: dict[str, tuple[ClientEnv, SandboxClient]] = {}
    for position, identity in enumerate(sellers, 1):
        clients[identity] = _client(world, position, identity, next(
            one.document for one in found if one.document and seller_company_id(one.document) == identity
        ))  # fmt: skip
    first = next(iter(clients.values()))
    for one in found:
        identity = seller_company_id(one.document) if one.document else None
        _, erp = clients[identity] if identity else first
        _put(world, erp, one)
    unread = [one for one in found if one.document is None]
    opening = f"{len(found)} documents of {len(sellers)} sellers from {folder}."
    for one in unread:
        opening += f"\n  {one.path.name}: {one.fault} (will be parked)"
    scenes: list[Scene] = [
        *working_day(FIRST_DAY, ticks=((8, 10), (15, 40))),
        *working_day(SECOND_DAY),
        *working_day(LETTER_DAY),
    ]
    return Plot(opening, [env for env, _ in clients.values()], scenes)


def _read(path: Path) -> _Found:
    content = path.read_bytes()
    try:
        return _Found(path, content, read_document(content), "")
    except DocumentError as error:
        return _Found(path, content, None, f"{error.reason}: {error}")


def _client(world: World, position: int, identity: str, document: Document) -> tuple[ClientEnv, SandboxClient]:
    name = re.sub(r"[^a-z0-9]+", "-", document.seller.display_name.lower()).strip("-")[:30] or "client"
    name = f"{name}-{position}"
    country = document.seller.address.country.upper() or "NO"
    if not re.fullmatch(r"\d{9}", identity):
        # An organisation number of another country: the check digit rule is not Norway's.
        country = country if country != "NO" else "XX"
    key = f"demo-key-{position}"
    erp = world.add_client(client_key=key, name=document.seller.display_name, organisation_number=identity)
    extra = {"KID_LAYOUT": "client:4 invoice:12", "KID_CLIENT_NUMBER": f"{2000 + position}"}
    return ClientEnv(name, document.seller.display_name, identity, country, key, extra), erp


def _put(world: World, erp: SandboxClient, one: _Found) -> None:
    document = one.document
    if document is None:
        number = 900_000 + len(erp.invoices)
        code = _customer(erp, None)
        erp.add_invoice(number, code, one.content, 0, FIRST_DAY, FIRST_DAY + timedelta(days=14))
        return
    buyer = document.buyer
    if buyer.endpoint is not None and buyer.endpoint.scheme:
        world.register_peppol(f"{buyer.endpoint.scheme}:{buyer.endpoint.value}")
    credited = next(iter(document.credited_invoices), None) if document.kind is Kind.CREDIT_NOTE else None
    erp.add_invoice(
        document.number,
        _customer(erp, document),
        one.content,
        document.payable,
        document.issue_date,
        document.due_date,
        original_no=credited,
    )


def _customer(erp: SandboxClient, document: Document | None) -> int:
    """The buyer's customer card, as an ERP that made the document would hold it; one a buyer."""
    if document is None:
        name, mark = "Ukjent", "unknown"
    else:
        name = document.buyer.display_name
        mark = f"{name}|{document.buyer.endpoint}|{document.buyer.company}"
    code = 10_000 + int(hashlib.sha256(mark.encode()).hexdigest()[:6], 16) % 80_000
    while code in erp.accounts:
        code += 1
    if code in erp.customers:
        return code
    buyer = document.buyer if document else None
    company = buyer.company.value if buyer and buyer.company else (buyer.vat_number if buyer else "")
    person = buyer is not None and not company and buyer.endpoint is None
    first, _, last = name.rpartition(" ")
    addresses = email_addresses(buyer.email) if buyer else ()
    address = buyer.address if buyer else None
    erp.add_customer(
        code,
        name=name,
        is_person=person,
        first_name=first if person else "",
        last_name=last if person else "",
        organisation_number=company,
        address1=address.line1 if address else "Ukjent 1",
        address2=address.line2 if address else "",
        zip=address.postal_code if address else "0101",
        city=address.city if address else "Oslo",
        country=address.country if address else "NO",
        phone=buyer.phone if buyer else "",
        email=";".join(addresses),
    )
    return code
