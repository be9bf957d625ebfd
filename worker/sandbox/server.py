"""The outside world on real sockets, for as long as the context lasts.

The HTTP services share one server in the running loop and are told apart by the port a request came in on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.sandbox.access_point import access_point_app
from worker.sandbox.http_server import HttpServer
from worker.sandbox.mail import MailHandler, MailServer
from worker.sandbox.maventa.app import maventa_app
from worker.sandbox.pace import Hold, Pace
from worker.sandbox.peppol_dns import PeppolNameServer
from worker.sandbox.poweroffice.app import poweroffice_app
from worker.sandbox.poweroffice_v2.app import poweroffice_v2_app
from worker.sandbox.print_house import USER, PrintHouse
from worker.sandbox.print_shop import PrintShop
from worker.sandbox.smp import smp_app
from worker.sandbox.storecove import storecove_app
from worker.sandbox.world import World

SERVICES = ("poweroffice", "access_point", "smp", "dns", "smtp", "sftp", "poweroffice_v2", "maventa", "storecove")


class Sandbox:
    """`async with Sandbox(world, folder=...) as sb:` serves the world; addresses are attributes of `sb`.

    `folder` gets `ehf/`, `mail/`, `bounces/`, `letters/` and `keys/`. `ports` names a port for some or all of SERVICES;
    the others, and 0, take a free one. Times are real seconds, see `pace.Pace`. `smtp_tls` offers STARTTLS;
    `smtp_login` demands user and password.
    """

    def __init__(
        self,
        world: World,
        *,
        folder: Path,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        replica_lag: float = 1.0,
        token_lifetime: float = 20.0,
        rate_limit: int = 50,
        subscription_rate_limit: int = 10,
        hold_seconds: float = 30.0,
        smtp_tls: ssl.SSLContext | None = None,
        smtp_login: tuple[str, str] | None = None,
    ) -> None:
        unknown = set(ports or {}) - set(SERVICES)
        if unknown:
            raise ValueError(f"no such service: {', '.join(sorted(unknown))}")
        self.world = world
        self.folder = folder
        self.pace = Pace(
            replica_lag=replica_lag,
            token_lifetime=token_lifetime,
            rate_limit=rate_limit,
            subscription_rate_limit=subscription_rate_limit,
            hold_seconds=hold_seconds,
        )
        self._host = host
        self._ports = {service: (ports or {}).get(service, 0) for service in SERVICES}
        self._smtp_tls = smtp_tls
        self._smtp_login = smtp_login
        self._closing = contextlib.AsyncExitStack()
        self.dns_address = self.smtp_address = self.sftp_address = (host, 0)
        self.poweroffice_url = self.poweroffice_v2_url = self.access_point_url = self.smp_url = ""
        self.maventa_url = self.storecove_url = ""
        self.sftp_host_key = ""
        self.sftp_user = USER
        self.print_folder = folder / "letters"
        self.print_shop = PrintShop(folder=self.print_folder, now=world.now, state=world.print_house)
        self.ehf_folder = folder / "ehf"
        self.mail_folder = folder / "mail"
        self.bounce_folder = folder / "bounces"
        self.sftp_client_key_path = folder / "keys" / "print_house_client_ed25519"
        self.sftp_known_hosts_path = folder / "keys" / "known_hosts"

    @property
    def application_key(self) -> str:
        """PowerOffice Go's key of our integration."""
        return self.world.application_key

    @property
    def subscription_key(self) -> str:
        """PowerOffice Go v2's key of our product subscription."""
        return self.world.subscription_key

    @property
    def access_point_token(self) -> str:
        """What the access point wants in X-Token."""
        return self.world.access_point_token

    @property
    def storecove_key(self) -> str:
        """What Storecove wants as bearer."""
        return self.world.storecove_key

    @property
    def dns_zone(self) -> str:
        """The zone the name server answers for."""
        return self.world.dns_zone

    async def __aenter__(self) -> Sandbox:
        async with contextlib.AsyncExitStack() as stack:
            await self._start_http(stack)
            await self._start_dns(stack)
            await self._start_mail(stack)
            await self._start_print_house(stack)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    def addresses(self) -> str:
        """Where everything is, as lines for worker.env, with the client keys as comments.

        Includes the sandbox's own keys, which open nothing else.
        """
        (dns_host, dns_port), (smtp_host, smtp_port) = self.dns_address, self.smtp_address
        lines = {
            "POWEROFFICE_URL": self.poweroffice_url,
            "POWEROFFICE_APPLICATION_KEY": self.application_key,
            "POWEROFFICE_V2_URL": self.poweroffice_v2_url,
            "POWEROFFICE_SUBSCRIPTION_KEY": self.subscription_key,
            "PEPPOL_ZONE": self.dns_zone,
            "PEPPOL_DNS_SERVER": f"{dns_host}:{dns_port}",
            "PEPPOL_SMP_OVERRIDE": self.smp_url,
            "ACCESS_POINT": "phoss_ap",
            "ACCESS_POINT_URL": self.access_point_url,
            "ACCESS_POINT_TOKEN": self.access_point_token,
            "MAVENTA_URL": self.maventa_url,
            "MAVENTA_USER_KEY": self.world.maventa.user_key,
            "MAVENTA_VENDOR_KEY": self.world.maventa.vendor_key,
            "STORECOVE_URL": self.storecove_url,
            "STORECOVE_API_KEY": self.storecove_key,
            "SMTP_HOST": smtp_host,
            "SMTP_PORT": str(smtp_port),
            "SMTP_SECURITY": "none" if self._smtp_tls is None else "starttls",
            "PRINT_HOUSE": "sftp",
            "SFTP_HOST": self.sftp_address[0],
            "SFTP_PORT": str(self.sftp_address[1]),
            "SFTP_USER": self.sftp_user,
            "SFTP_KEY_PATH": str(self.sftp_client_key_path.resolve()),
            "SFTP_HOST_KEY": self.sftp_host_key,
        }
        comments = [
            f"# {client.organisation_number} {client.name}: POWEROFFICE_CLIENT_KEY={client.client_key}"
            f", at Maventa ACCESS_POINT_TENANT={self.world.maventa.open_company(client.organisation_number)}\n"
            for client in self.world.clients.values()
        ]
        return "".join([f"{name}={value}\n" for name, value in lines.items()] + comments)

    async def _start_http(self, stack: contextlib.AsyncExitStack) -> None:
        hold = Hold(self.pace)
        apps: dict[str, ASGIApp] = {
            "poweroffice": poweroffice_app(world=self.world, pace=self.pace, hold=hold),
            "access_point": access_point_app(world=self.world, folder=self.ehf_folder, hold=hold),
            "smp": smp_app(world=self.world, hold=hold),
            "poweroffice_v2": poweroffice_v2_app(world=self.world, pace=self.pace, hold=hold),
            "storecove": storecove_app(world=self.world, folder=self.ehf_folder, hold=hold),
            "maventa": maventa_app(
                world=self.world,
                folder=self.ehf_folder,
                efaktura_folder=self.folder / "efaktura",
                pace=self.pace,
                hold=hold,
            ),
        }
        sockets = {service: self._listening_socket(service) for service in apps}
        for listening in sockets.values():
            stack.callback(listening.close)
        by_port = {listening.getsockname()[1]: apps[service] for service, listening in sockets.items()}
        urls = {service: f"http://{_address(s.getsockname()[:2])}" for service, s in sockets.items()}
        self.poweroffice_url, self.access_point_url = urls["poweroffice"], urls["access_point"]
        self.smp_url, self.poweroffice_v2_url, self.maventa_url = urls["smp"], urls["poweroffice_v2"], urls["maventa"]
        self.storecove_url = urls["storecove"] + "/api/v2"

        async def by_arrival(scope: Scope, receive: Receive, send: Send) -> None:
            async def dated(message: Message) -> None:
                if message["type"] == "http.response.start":
                    date = format_datetime(self.world.now().astimezone(UTC), usegmt=True).encode()
                    message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
                await send(message)

            await by_port[scope["server"][1]](scope, receive, dated)

        server = HttpServer(by_arrival)
        await server.start(list(sockets.values()))
        stack.push_async_callback(server.close)
        stack.callback(hold.close)  # called first: what is held open is let go

    async def _start_dns(self, stack: contextlib.AsyncExitStack) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: PeppolNameServer(self.world), local_addr=(self._host, self._ports["dns"])
        )
        stack.callback(transport.close)
        address = transport.get_extra_info("sockname")
        self.dns_address = (str(address[0]), int(address[1]))

    async def _start_mail(self, stack: contextlib.AsyncExitStack) -> None:
        handler = MailHandler(
            world=self.world, folder=self.mail_folder, bounce_folder=self.bounce_folder, login=self._smtp_login
        )
        server = MailServer(handler, tls=self._smtp_tls)
        stack.push_async_callback(server.close)
        self.smtp_address = await server.start(host=self._host, port=self._ports["smtp"])

    async def _start_print_house(self, stack: contextlib.AsyncExitStack) -> None:
        house = PrintHouse(folder=self.print_folder, keys_folder=self.folder / "keys", trouble=self.world.print_house)
        stack.push_async_callback(house.close)
        self.sftp_address = await house.start(host=self._host, port=self._ports["sftp"])
        self.sftp_host_key = house.host_key
        host, port = self.sftp_address
        self.sftp_known_hosts_path.write_text(f"[{host}]:{port} {house.host_key}\n")

    def _listening_socket(self, service: str) -> socket.socket:
        listening = socket.create_server((self._host, self._ports[service]))
        listening.setblocking(False)
        return listening


def _address(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
