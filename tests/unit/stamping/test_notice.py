import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.stamping.notice import (
    DEFAULT_TEXTS,
    Language,
    NoticeError,
    NoticeFamily,
    NoticeTemplates,
    NoticeValues,
    language_for,
)

VALUES = NoticeValues(
    factor="Nordlys Factoring AS",
    factor_organisation_number="999999999",
    account="86011117947",
    iban="NO9386011117947",
    kid="123456782",
    client="Fjord Bygg AS",
    contact="reskontro@nordlys.example",
    days=8,
)
LANGUAGES: tuple[Language, ...] = ("nb", "en")


@pytest.mark.parametrize("family", list(NoticeFamily))
@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_invoice_texts_say_all_that_binds_the_debtor(family: NoticeFamily, language: Language) -> None:
    text = NoticeTemplates(family=family).render(credit=False, language=language, values=VALUES).text
    said = ("Nordlys Factoring AS", "999999999", "86011117947", "NO9386011117947", "123456782", "reskontro@", " 8 ")
    assert [value for value in said if value not in text] == []
    assert "{" not in text


@pytest.mark.parametrize("family", list(NoticeFamily))
@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_credit_texts_ask_for_no_payment(family: NoticeFamily, language: Language) -> None:
    nothing_to_pay = NoticeValues(
        factor="Nordlys Factoring AS", factor_organisation_number="999999999", account="", contact="tlf. 22 00 00 00"
    )
    text = NoticeTemplates(family=family).render(credit=True, language=language, values=nothing_to_pay).text
    assert "Nordlys Factoring AS" in text
    assert "tlf. 22 00 00 00" in text
    assert "KID" not in text


def test_pledged_and_assigned_are_different_claims() -> None:
    assert len(set(DEFAULT_TEXTS.values())) == len(DEFAULT_TEXTS) == 8
    for (family, language, _), text in DEFAULT_TEXTS.items():
        word = {("assigned", "nb"): "overdratt", ("assigned", "en"): "assigned",
                ("pledged", "nb"): "pantsatt", ("pledged", "en"): "pledged"}[(family.value, language)]  # fmt: skip
        assert word in text


def test_own_texts_replace_ours_one_by_one() -> None:
    templates = NoticeTemplates(nb="Betal {factor}, konto {account}.", label="2026-01")
    own = templates.render(credit=False, language="nb", values=VALUES)
    assert own.text == "Betal Nordlys Factoring AS, konto 86011117947."
    assert own.language == "nb"
    assert own.version == "2026-01-" + hashlib.sha256(b"Betal {factor}, konto {account}.").hexdigest()[:12]
    ours = templates.render(credit=False, language="en", values=VALUES)
    assert ours.text.startswith("The claim under this invoice has been assigned to Nordlys")


def test_the_version_follows_the_template_and_not_the_values() -> None:
    templates = NoticeTemplates()
    versions = {templates.version(credit=c, language=language) for c in (False, True) for language in LANGUAGES}
    assert len(versions) == 4
    assert all(re.fullmatch(r"1-[0-9a-f]{12}", version) for version in versions)
    other = NoticeValues(factor="B", factor_organisation_number="1", account="2", iban="3", kid="4", contact="5")
    rendered = [templates.render(credit=False, language="nb", values=values).version for values in (VALUES, other)]
    assert rendered[0] == rendered[1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (" \n ", "empty"),
        ("{factor}{account}", "no words"),
        ("Betal {faktor}", r"unknown placeholder \{faktor\}"),
        ("Betal {factor.__class__}", "unknown placeholder"),
        ("Betal {factor[0]}", "unknown placeholder"),
        ("Betal {0}", "unknown placeholder"),
        ("Betal {}", "unknown placeholder"),
        ("Betal {factor!r}", "unknown placeholder"),
        ("Betal {factor:>10}", "unknown placeholder"),
        ("Betal {factor", "brace"),
        ("Betal factor}", "brace"),
        ("Betal {factor}\x07", "control character"),
    ],
)
@pytest.mark.parametrize("which", ["nb", "en", "credit_nb", "credit_en"])
def test_a_template_that_cannot_be_used_is_refused_at_once(text: str, fault: str, which: str) -> None:
    with pytest.raises(NoticeError, match=fault):
        NoticeTemplates(**{which: text})


def test_an_unknown_family() -> None:
    with pytest.raises(NoticeError, match="assigned"):
        NoticeTemplates(family="sold")


def test_a_placeholder_without_a_value_is_never_left_blank() -> None:
    with pytest.raises(NoticeError, match="bic"):
        NoticeTemplates(nb="Betal til {bic}").render(credit=False, language="nb", values=VALUES)


def test_doubled_braces_are_braces() -> None:
    notice = NoticeTemplates(nb="a {{b}} {kid}").render(credit=False, language="nb", values=VALUES)
    assert notice.text == "a {b} 123456782"


@given(st.text())
def test_a_value_is_never_read_as_a_template(client: str) -> None:
    values = NoticeValues(factor="F", factor_organisation_number="1", account="2", client=f"x{{kid}}{client}")
    text = NoticeTemplates(nb="Fra {client}!").render(credit=False, language="nb", values=values).text
    assert text.startswith("Fra x{kid}")
    assert text.endswith("!")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("country", "override", "language"),
    [
        ("NO", "", "nb"), ("no", "", "nb"), ("", "", "nb"), ("SE", "", "nb"), ("DK", "auto", "nb"),
        ("FI", "", "en"), ("DE", "", "en"), ("NO", "en", "en"), ("DE", "nb", "nb"),
    ],
)  # fmt: skip
def test_the_debtors_language(country: str, override: str, language: str) -> None:
    assert language_for(country, override) == language


def test_another_language_is_refused() -> None:
    with pytest.raises(NoticeError):
        language_for("NO", "de")
