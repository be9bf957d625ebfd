"""The doors the worker serves: the portal for debtors, and, when asked for, one for whoever watches."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from worker.day import JOBS, last_due
from worker.ops import Clients, Desk, Readiness, StoreFigures, Vitals, create_ops_app, ops_pages
from worker.portal import create_app
from worker.store.links import StoreLinkBook
from worker.wiring import House


def listen(host: str, port: int) -> socket.socket:
    """Takes the port. Raises OSError."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def portal_server(
    house: House, *, host: str, port: int, vitals: Vitals | None = None, readiness: Readiness | None = None
) -> uvicorn.Server:
    """The portal as a server to be awaited; it leaves signals to the worker."""
    settings = house.settings

    async def ready() -> bool:
        return readiness is None or not await readiness.faults()

    app = create_app(
        links=StoreLinkBook(house.db, tries=settings.code_tries),
        documents=house.documents,
        factor_name=settings.factor_name,
        public_url=settings.portal_url,
        server_key=settings.portal_key.get_secret_value().encode(),
        clock=house.clock,
        contact=settings.factor_contact,
        alive=lambda: vitals is None or not vitals.dead(),
        ready=ready,
    )
    return _server(app, host=host, port=port, proxies=settings.portal_trusted_proxies)


def readiness_of(house: House, *, clients: Callable[[], Clients], owner: str) -> Readiness:
    """What must be there for this worker's work to be kept."""
    return Readiness(
        db=house.db,
        documents=house.documents,
        usable_clients=lambda: len(clients().running) + len(clients().paused),
        stopping=lambda: house.halt.called,
        who=owner,
    )


def ops_server(house: House, *, vitals: Vitals, readiness: Readiness, clients: Callable[[], Clients]) -> uvicorn.Server:
    """The operations' door: health, readiness, metrics, and with OPS_TOKEN the page for people."""
    settings = house.settings
    disks: dict[str, Path] = {}
    if house.db.file is not None:
        disks["database"] = house.db.file.parent
    if "://" not in settings.document_store:
        disks["documents"] = Path(settings.document_store)
    figures = StoreFigures(
        db=house.db,
        clock=house.clock,
        environment=settings.environment,
        clients=clients,
        last_due=last_due,
        disks=disks,
    )
    pages: list[BaseRoute] = []
    token = settings.ops_token.get_secret_value()
    if token:
        desk = Desk(db=house.db, clock=house.clock, clients=clients, jobs=list(JOBS))
        pages = ops_pages(desk=desk, token=token, factor=settings.factor_name)
    app = create_ops_app(vitals=vitals, readiness=readiness, figures=figures, more=pages)
    return _server(app, host=settings.ops_host, port=settings.ops_port)


def _server(app: ASGIApp, *, host: str, port: int, proxies: str = "") -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            server_header=False,
            lifespan="off",
            ws="none",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies or None,
            timeout_graceful_shutdown=5,
        )
    )


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """None: the worker ends its doors itself, after the work in hand."""
        yield
