"""Our own checks: an honest stamp has no faults, and each wrong thing is called by its rule and its mender."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from worker.model.document import Document, Identifier, Kind, PaymentTarget
from worker.model.ehf import read_document
from worker.model.kid import KidLayout
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.stamping.checks import own_faults
from worker.stamping.ubl import PaymentAccount, StampConfig, stamp

LAYOUT = KidLayout.parse("9 client:4 invoice:8 00", algorithm="MOD10")
KID = LAYOUT.make(client="1234", debtor="7", invoice="1001")
CONFIG = StampConfig(
    factor_name="Nordlys Factoring AS",
    factor_organisation_number="999999999",
    account="86011117947",
    iban="NO9386011117947",
    bic="DNBANOKK",
    kid=KID,
    notice="Kravet er overdratt.",
)
SENDER, RECEIVER = "0192:923609016", "0192:974760673"
SELLER = BuilderParty("Fjord Bygg AS", "923609016")
BUYER = BuilderParty("Ødegård Rør AS", "974760673", PostalAddress("Havnegata 2", "", "5003", "Bergen", "NO"))


def stamped(config: StampConfig = CONFIG, **changes: object) -> Document:
    values: dict[str, object] = {
        "number": "1001", "issue_date": date(2026, 11, 20), "due_date": date(2026, 12, 4), "seller": SELLER,
        "buyer": BUYER, "lines": [BuilderLine("Rørlegger", D(2), "HUR", D(895))], "note": "Takk",
    }  # fmt: skip
    content = build_ehf(**{**values, **changes})  # pyright: ignore[reportArgumentType]
    return read_document(stamp(content, config).xml)


def found(document: Document, config: StampConfig = CONFIG, **more: object) -> list[tuple[str, str]]:
    values: dict[str, object] = {"kid_layout": LAYOUT, "sender": SENDER, "receiver": RECEIVER, **more}
    faults = own_faults(document, config, **values)  # pyright: ignore[reportArgumentType]
    for fault in faults:
        assert "Ødegård" not in str(fault)
        assert "86011117947" not in str(fault)
    return [(fault.rule, fault.owner) for fault in faults]


NO_KID = replace(CONFIG, kid=None)
BY_IBAN = replace(CONFIG, payment_account=PaymentAccount.IBAN)
CREDIT = {"kind": Kind.CREDIT_NOTE, "credited_number": "7"}


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (CONFIG, {}),
        (NO_KID, CREDIT),
        (NO_KID, CREDIT | {"due_date": None}),
        (NO_KID, {"lines": [BuilderLine("Retur", D(-1), price=D(100))], "due_date": None}),
        (BY_IBAN, {}),
        (BY_IBAN, {"currency": "EUR", "nok_rate": D("11.5")}),
        (replace(CONFIG, payment_account=PaymentAccount.IBAN_ABROAD), {"currency": "SEK", "nok_rate": D("1.03")}),
        (replace(CONFIG, payment_account=PaymentAccount.IBAN_ABROAD), {}),
    ],
)
def test_an_honest_stamp_has_no_faults(config: StampConfig, changes: dict[str, object]) -> None:
    assert found(stamped(config, **changes), config) == []


def test_a_factor_that_sells_itself_needs_no_payee() -> None:
    assert found(stamped(seller=BuilderParty("Nordlys", "999999999")), sender="0192:999999999") == []


def test_where_it_does_not_go_as_ehf_addresses_do_not_matter() -> None:
    person = stamped(buyer=BuilderParty("Ola Nordmann"))
    assert found(person, receiver="") == []
    assert found(person) == [("OWN-BUYER-ENDPOINT", "client")]


BASE = stamped()
PAID = BASE.payment[0]
MEANS = "OWN-PAYMENT-MEANS"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"customization_id": BASE.customization_id + "#x"}, [("OWN-CUSTOMIZATION", "factor")]),
        ({"profile_id": "urn:peppol:bis:billing_with_response"}, [("OWN-PROFILE", "factor")]),
        ({"due_date": None}, [("OWN-DUE-DATE", "client")]),
        ({"payable": D("1.00")}, [("BR-CO-16", "client")]),
        ({"tax_total": D("1.00")}, [("BR-CO-14", "client"), ("BR-CO-15", "client")]),
        ({"tax_currency": "EUR"}, [("OWN-CURRENCY", "client")]),
        ({"tax_currency": "NOK", "tax_total_in_tax_currency": D(1)}, [("OWN-CURRENCY", "client")]),
        ({"tax_total_in_tax_currency": D(1)}, [("OWN-CURRENCY", "client")]),
        ({"payment": ()}, [(MEANS, "engineer")]),
        ({"payment": (PAID, PAID)}, [(MEANS, "engineer")]),
        ({"payment": (PAID, PaymentTarget("30", "15032080119", KID))},
         [(MEANS, "engineer"), ("OWN-ACCOUNT", "engineer")]),
        ({"payment": (replace(PAID, means_code="31"),)}, [("OWN-PAYMENT-CODE", "engineer")]),
        ({"payment": (replace(PAID, account="86011117948"),)}, [("OWN-ACCOUNT", "engineer")]),
        ({"payment": (replace(PAID, account="8601.11.17947"),)}, [("OWN-ACCOUNT", "engineer")]),
        ({"payment": (replace(PAID, bic="DNBANOKK"),)}, [("OWN-BIC", "engineer")]),
        ({"payment": (replace(PAID, kid=""),)}, [("OWN-KID", "engineer")]),
        ({"payee_ids": (Identifier("974760673", "0192"),)}, [("OWN-PAYEE", "engineer")]),
        ({"payee_ids": ()}, [("OWN-PAYEE", "engineer")]),
        ({"notes": ("Takk\nKravet er overdratt.",)}, [("OWN-NOTICE", "engineer")]),
        ({"notes": (*BASE.notes, "x")}, [("OWN-NOTICE", "engineer")]),
        ({"kind": Kind.CREDIT_NOTE}, [("OWN-CREDITED", "client")]),
        ({"seller": replace(BASE.seller, endpoint=Identifier("974760673", "0192"))},
         [("OWN-SELLER-ENDPOINT", "client")]),
        ({"buyer": replace(BASE.buyer, endpoint=Identifier("974760674", "0192"))}, [("OWN-BUYER-ENDPOINT", "client")]),
        ({"due_date": None, "payee_ids": (), "profile_id": ""},
         [("OWN-DUE-DATE", "client"), ("OWN-PROFILE", "factor"), ("OWN-PAYEE", "engineer")]),
    ],
)  # fmt: skip
def test_each_fault_has_its_rule_and_its_mender(changes: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert found(replace(BASE, **changes)) == expected  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("kid", "rule"),
    [
        (KID[:-1] + str((int(KID[-1]) + 1) % 10), "OWN-KID-CHECK"),
        ("0" + KID, "OWN-KID-LENGTH"),
        ("9" * 50, "OWN-KID-LENGTH"),
        ("8" + KID[1:], "OWN-KID-CHECK"),
    ],
)
def test_a_kid_that_is_not_of_the_layout(kid: str, rule: str) -> None:
    document = replace(BASE, payment=(replace(PAID, kid=kid),))
    assert found(document) == [("OWN-KID", "engineer"), (rule, "engineer")]
    short = replace(CONFIG, kid="123456783")  # neither MOD10 nor MOD11
    assert found(stamped(short), short, kid_layout=None) == [("OWN-KID-CHECK", "engineer")]


def test_an_iban_and_its_bic_are_checked() -> None:
    document = stamped(BY_IBAN)
    target = document.payment[0]
    for change, rule in (
        ({"account": "NO9486011117947"}, "OWN-IBAN"), ({"account": CONFIG.account}, "OWN-IBAN"),
        ({"bic": ""}, "OWN-BIC"), ({"means_code": "58"}, "OWN-PAYMENT-CODE"),
    ):  # fmt: skip
        assert found(replace(document, payment=(replace(target, **change),)), BY_IBAN) == [(rule, "engineer")]
    odd = replace(BY_IBAN, bic="DNB")
    assert found(stamped(odd), odd) == [("OWN-BIC", "engineer")]
