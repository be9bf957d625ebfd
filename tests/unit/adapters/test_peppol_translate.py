"""The Peppol look-up's pure parts: names, addresses, the ServiceGroup, the decision."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from worker.adapters.peppol import translate, wire
from worker.model.channel import Reach
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS
from worker.support.http import HttpResponse

ZONE = "participant.sml.prod.tech.peppol.org"
WHO = "0192:986252932"
INVOICE, CREDIT_NOTE = DOCUMENT_TYPE_IDS[Kind.INVOICE], DOCUMENT_TYPE_IDS[Kind.CREDIT_NOTE]
REMINDER = INVOICE.removesuffix("::2.1") + "#conformant#urn:fdc:anskaffelser.no:2019:ehf:reminder:3.0::2.2"


def group(*types: str, participant: str = WHO, prefix: str = "smp") -> bytes:
    references = "".join(
        f'<{prefix}:ServiceMetadataReference href="https://smp.example/iso6523-actorid-upis%3A%3A'
        f'{quote(participant)}/services/{quote(t, safe="")}"/>'
        for t in types
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{prefix}:ServiceGroup '
        f'xmlns:{prefix}="http://busdox.org/serviceMetadata/publishing/1.0/" '
        f'xmlns:id="http://busdox.org/transport/identifiers/1.0/"><id:ParticipantIdentifier '
        f'scheme="iso6523-actorid-upis">{participant}</id:ParticipantIdentifier>'
        f"<{prefix}:ServiceMetadataReferenceCollection>{references}</{prefix}:ServiceMetadataReferenceCollection>"
        f"</{prefix}:ServiceGroup>"
    ).encode()


@pytest.mark.parametrize(
    ("participant", "label"),
    [
        ("9915:test", "eh5boavaktmbgzyh2a63dz4qov33fvp5nsdvqklucfraayoodw6a"),
        ("0192:986252932", "JGPA45E5TP5QNMA3C3XUXV6V4ZE4LHDYW6AL2HZYU3NRLUFX3D3A"),
    ],
)
def test_names_in_the_zone(participant: str, label: str) -> None:
    assert wire.sml_name(participant, ZONE) == f"{label.lower()}.iso6523-actorid-upis.{ZONE}."
    assert wire.sml_name(participant.upper(), f"{ZONE}.") == wire.sml_name(participant, ZONE)


@pytest.mark.parametrize(
    ("text", "good"),
    [(WHO, True), ("0192:", False), ("192:986252932", False), ("0192::986252932", False), ("0192:98 6", False),
     ("0192:986252932/x", False), ("", False)],
)  # fmt: skip
def test_participants(text: str, good: bool) -> None:
    assert wire.is_participant(text) is good


def naptr(
    regexp: str, *, order: int = 100, preference: int = 10, flags: str = "U", service: str = "Meta:SMP"
) -> wire.Naptr:
    return wire.Naptr(order, preference, flags, service, regexp)


def test_the_record_that_counts() -> None:
    first, second = naptr("a", order=1, preference=2), naptr("b", order=1, preference=3)
    third = naptr("c", order=2)
    assert wire.smp_record([third, second, first]) is first
    assert wire.smp_record([naptr("x", service="meta:smp", flags="u")]) is not None
    assert wire.smp_record([naptr("x", service="Meta:BDXL"), naptr("x", flags="S"), naptr("x", flags="")]) is None
    assert wire.smp_record([]) is None


@pytest.mark.parametrize(
    ("regexp", "expected"),
    [
        ("!.*!https://smp.elma-smp.no/!", "https://smp.elma-smp.no"),
        ("!^.*$!https://smp.elma-smp.no!", "https://smp.elma-smp.no"),
        ("!.*!https://SMP.conta.no:443/smp/v1/!i", "https://smp.conta.no/smp/v1"),
        ("#.*#https://a-b.example/x#", "https://a-b.example/x"),
    ],
)
def test_smp_addresses(regexp: str, expected: str) -> None:
    url = wire.smp_address(naptr(regexp)).service_group(WHO)
    assert url == f"{expected}/iso6523-actorid-upis%3A%3A0192%3A986252932"


def test_the_override_replaces_the_origin_and_keeps_the_path() -> None:
    address = wire.smp_address(naptr("!.*!https://smp.example/deep/!"))
    assert address.service_group(WHO, origin="http://127.0.0.1:8080/") == (
        "http://127.0.0.1:8080/deep/iso6523-actorid-upis%3A%3A0192%3A986252932"
    )


@pytest.mark.parametrize(
    "target",
    [
        "http://smp.example/", "https://smp.example:8443/", "https://user@smp.example/", "https://user:pw@smp.example/",
        "https://smp.example/?x=1", "https://smp.example/?", "https://smp.example/#x", "https://127.0.0.1/",
        "https://[::1]/", "https://localhost/", "https://2130706433/", "https://0x7f.1/", "https://smp.example/../x",
        "https://smp.example/%2e%2e/x", "https://smp.example//x", "https://smp.example/a b", "https://smp.example\\@x/",
        "https:///x", "file:///etc/passwd", "smp.example", "", "https://smp.example:notaport/", "https://æ.example/",
        "http://smp.difi.nohttp",
    ],
)  # fmt: skip
def test_addresses_we_do_not_call(target: str) -> None:
    with pytest.raises(wire.Malformed):
        wire.smp_address(naptr(f"!.*!{target}!"))


@pytest.mark.parametrize(
    "regexp", ["", "!", "!.*!", "!a!https://smp.example!", "!.*!https://smp.example", "!.*!x!y!z!"]
)
def test_regexps_we_do_not_read(regexp: str) -> None:
    with pytest.raises(wire.Malformed):
        wire.smp_address(naptr(regexp))


@pytest.mark.parametrize(
    ("types", "wanted", "reach"),
    [
        ((INVOICE, CREDIT_NOTE), INVOICE, Reach.YES),
        ((INVOICE, CREDIT_NOTE), CREDIT_NOTE, Reach.YES),
        ((INVOICE,), CREDIT_NOTE, Reach.NO),
        ((REMINDER,), INVOICE, Reach.NO),
        ((INVOICE.upper(),), INVOICE, Reach.NO),
        ((INVOICE.replace("busdox-docid-qns", "peppol-doctype-wildcard"),), INVOICE, Reach.NO),
        ((), INVOICE, Reach.NO),
    ],
)
@pytest.mark.parametrize("prefix", ["ns2", "smp"])
def test_types_are_compared_exactly(types: tuple[str, ...], wanted: str, reach: Reach, prefix: str) -> None:
    response = HttpResponse(200, {}, group(*types, prefix=prefix))
    assert translate.judged(response, participant=WHO, document_type=wanted)[0] is reach


def test_404_is_the_only_no_about_the_participant() -> None:
    assert translate.judged(HttpResponse(404), participant=WHO, document_type=INVOICE)[0] is Reach.NO


@pytest.mark.parametrize("status", [201, 204, 301, 302, 400, 401, 403, 406, 410, 429, 500, 502, 503])
def test_any_other_status_is_unknown(status: int) -> None:
    with pytest.raises(translate.NotNow, match=str(status)):
        translate.judged(HttpResponse(status, {}, group(INVOICE)), participant=WHO, document_type=INVOICE)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html><body>busy</body></html>", b"<!DOCTYPE html><html></html>", b"{}", b"<ServiceGroup>",
        b'<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><s>&e;</s>',
        group(INVOICE, participant="0192:999999999"),
    ],
)  # fmt: skip
def test_a_200_that_is_not_the_service_group_is_unknown(content: bytes) -> None:
    with pytest.raises(translate.NotNow):
        translate.judged(HttpResponse(200, {}, content), participant=WHO, document_type=INVOICE)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("193.69.12.1", True), ("2a01:799::1", True), ("10.0.0.1", False), ("127.0.0.1", False),
        ("169.254.169.254", False), ("192.168.1.1", False), ("172.16.0.1", False), ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse, not one to bind
        ("224.0.0.1", False),
        ("240.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1", False),
        ("fc00::1", False), ("ff02::1", False), ("::ffff:10.0.0.1", False), ("::ffff:193.69.12.1", True),
        ("2002:0a00:0001::1", False), ("64:ff9b::a00:1", False), ("64:ff9b::c145:c01", True),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert translate.is_public(address) is public


def test_one_private_address_among_several_is_enough_to_refuse() -> None:
    assert translate.public_addresses(["2a01:799::1", "193.69.12.1"]) == ["193.69.12.1", "2a01:799::1"]
    for addresses in (["193.69.12.1", "10.0.0.1"], []):
        with pytest.raises(translate.NotNow):
            translate.public_addresses(addresses)
