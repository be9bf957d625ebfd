"""The sandbox's mail server over real sockets: what is kept, and every reserved address."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from worker.sandbox.magic import MailMagic, mail_magic
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World

pytestmark = pytest.mark.anyio

SENDER = "faktura@faktor.example"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncGenerator[Sandbox]:
    async with Sandbox(World(now=lambda: datetime(2026, 3, 2, 10, 31, tzinfo=UTC)), folder=tmp_path) as running:
        yield running


def message(to: str, message_id: str = "<01J9@faktor.example>") -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = SENDER, to, "Faktura på æøå", message_id
    mail.set_content("Hei\n.\n..to punktum\n")
    return mail


async def send(sandbox: Sandbox, *to: str, message_id: str = "<01J9@faktor.example>") -> str:
    """Sends and returns the server's last words."""
    host, port = sandbox.smtp_address
    client = aiosmtplib.SMTP(hostname=host, port=port, timeout=3, start_tls=False)
    async with client:
        mail = message(", ".join(to), message_id)
        _, words = await client.sendmail(SENDER, list(to), mail.as_bytes())
    return words


async def test_a_message_is_kept_byte_for_byte_with_its_envelope_aside(sandbox: Sandbox) -> None:
    words = await send(sandbox, "kari@debitor.example", "ola@debitor.example")
    assert words.endswith("queued as 0001")
    mail = sandbox.world.mails[0]
    kept = (sandbox.folder / mail.file).read_bytes()
    assert kept == message("kari@debitor.example, ola@debitor.example").as_bytes()
    assert (mail.sha256, mail.size) == (hashlib.sha256(kept).hexdigest(), len(kept))
    assert (mail.sender, mail.message_id, mail.tls) == (SENDER, "<01J9@faktor.example>", False)
    assert mail.recipients == ("kari@debitor.example", "ola@debitor.example")
    assert mail.file == "mail/0001-kari_at_debitor.example.eml"


async def test_a_strange_address_gives_a_harmless_file_name(sandbox: Sandbox) -> None:
    await send(sandbox, "../../etc/ola@debitor.example")
    assert [path.parent for path in sandbox.folder.rglob("*.eml")] == [sandbox.mail_folder]


@pytest.mark.parametrize(
    ("address", "meaning"),
    [
        ("bounce@x.no", MailMagic.BOUNCE),
        ("Kari.Nordmann+REFUSED@x.no", MailMagic.REFUSED),
        ("bouncer@x.no", None),
        ("bounce.kari@x.no", None),
        ("kari@bounce.no", None),
        ("bounce", None),
    ],
)
def test_reserved_words_are_whole_words(address: str, meaning: MailMagic | None) -> None:
    assert mail_magic(address) is meaning


@pytest.mark.parametrize(("word", "code"), [("refused", 550), ("mailbox-full", 452)])
async def test_addresses_that_are_never_accepted(sandbox: Sandbox, word: str, code: int) -> None:
    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refusal:
            await send(sandbox, f"kari+{word}@debitor.example")
        assert refusal.value.recipients[0].code == code
    assert sandbox.world.mails == []


async def test_one_refused_recipient_does_not_stop_the_others(sandbox: Sandbox) -> None:
    await send(sandbox, "refused@debitor.example", "kari@debitor.example")
    assert sandbox.world.mails[0].recipients == ("kari@debitor.example",)


@pytest.mark.parametrize(("word", "code"), [("greylisted", 451), ("busy", 421)])
async def test_addresses_that_are_accepted_the_second_time(sandbox: Sandbox, word: str, code: int) -> None:
    with pytest.raises((aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPServerDisconnected)) as refusal:
        await send(sandbox, f"{word}@debitor.example")
    assert str(code) in str(refusal.value)
    await send(sandbox, f"{word}@debitor.example")
    assert len(sandbox.world.mails) == 1


async def test_content_that_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPDataError) as refusal:
        await send(sandbox, "content-refused@debitor.example")
    assert refusal.value.code == 554
    assert sandbox.world.mails == []


@pytest.mark.parametrize(("word", "kept"), [("drop", 1), ("drop-unkept", 0)])
async def test_a_connection_cut_before_the_answer(sandbox: Sandbox, word: str, kept: int) -> None:
    with pytest.raises((aiosmtplib.SMTPServerDisconnected, ConnectionError)):
        await send(sandbox, f"{word}@debitor.example")
    assert len(sandbox.world.mails) == len(list(sandbox.mail_folder.iterdir())) == kept
    await send(sandbox, "kari@debitor.example", message_id="<2@faktor.example>")
    assert len(sandbox.world.mails) == kept + 1


async def test_the_second_try_of_an_unkept_message_is_kept(sandbox: Sandbox) -> None:
    with pytest.raises((aiosmtplib.SMTPServerDisconnected, ConnectionError)):
        await send(sandbox, "drop-unkept@debitor.example")
    await send(sandbox, "drop-unkept@debitor.example")
    assert len(sandbox.world.mails) == 1


async def test_a_bounce_is_a_delivery_status_notification(sandbox: Sandbox) -> None:
    await send(sandbox, "kari@debitor.example", "ola+bounce@debitor.example")
    assert len(sandbox.world.mails) == 1
    (bounce,) = sandbox.world.bounces
    assert (bounce.to, bounce.recipient, bounce.message_id) == (
        SENDER,
        "ola+bounce@debitor.example",
        "<01J9@faktor.example>",
    )
    report = message_from_bytes((sandbox.folder / bounce.file).read_bytes(), policy=policy.default)
    assert (report.get_content_type(), report.get_param("report-type")) == ("multipart/report", "delivery-status")
    assert (report["To"], report["References"]) == (SENDER, "<01J9@faktor.example>")
    words, status, original = report.iter_parts()
    assert "ola+bounce@debitor.example" in words.get_content()
    assert status.get_content_type() == "message/delivery-status"
    _, per_recipient = status.iter_parts()
    assert (per_recipient["Action"], per_recipient["Status"]) == ("failed", "5.1.1")
    assert per_recipient["Final-Recipient"] == "rfc822; ola+bounce@debitor.example"
    assert original.get_content_type() == "text/rfc822-headers"
    assert "<01J9@faktor.example>" in original.get_content()


async def test_a_login_that_is_demanded(tmp_path: Path) -> None:
    world = World(now=lambda: datetime(2026, 3, 2, tzinfo=UTC))
    async with Sandbox(world, folder=tmp_path, smtp_login=("faktor", "hemmelig")) as sandbox:
        host, port = sandbox.smtp_address
        with pytest.raises(aiosmtplib.SMTPResponseException) as refusal:
            await send(sandbox, "kari@debitor.example")
        assert refusal.value.code == 530
        async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as client:
            with pytest.raises(aiosmtplib.SMTPAuthenticationError):
                await client.login("faktor", "feil")
        async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as client:
            await client.login("faktor", "hemmelig")
            await client.send_message(message("kari@debitor.example"))
        assert len(world.mails) == 1


async def test_starttls_is_offered_with_a_certificate(tmp_path: Path) -> None:
    certificate, trust = _self_signed(tmp_path)
    world = World(now=lambda: datetime(2026, 3, 2, tzinfo=UTC))
    async with Sandbox(world, folder=tmp_path, smtp_tls=certificate) as sandbox:
        assert "SMTP_SECURITY=starttls\n" in sandbox.addresses()
        host, port = sandbox.smtp_address
        async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=True, tls_context=trust) as client:
            await client.send_message(message("kari@debitor.example"))
        assert world.mails[0].tls is True


async def test_an_open_session_does_not_hold_up_the_end(tmp_path: Path) -> None:
    world = World(now=lambda: datetime(2026, 3, 2, tzinfo=UTC))
    async with Sandbox(world, folder=tmp_path) as sandbox:
        host, port = sandbox.smtp_address
        client = aiosmtplib.SMTP(hostname=host, port=port, timeout=3, start_tls=False)
        await client.connect()
        await client.ehlo()
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.noop()
    client.close()


def _self_signed(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and a context that trusts it."""
    import ipaddress
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.sandbox.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "tls.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
