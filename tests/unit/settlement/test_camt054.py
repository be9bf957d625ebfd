"""camt.054: what is read of both versions, and that nothing unsound is."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.settlement_samples import (
    ACCOUNT,
    CAMT_NAMESPACE,
    OTHER_ACCOUNT,
    TODAY,
    CamtEntry,
    CamtFile,
    CamtTransaction,
    scor,
)
from worker.model.money import Money
from worker.model.settlement import BankPayment, FileRefused, SettlementFile, SourceFormat
from worker.settlement.formats import read

OWN = frozenset({ACCOUNT})
DAY = date(2026, 11, 20)
VERSIONS = ["02", "08"]
# Invented; valid against the official schema.
VECTOR = """\
<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.02"><BkToCstmrDbtCdtNtfctn>
<GrpHdr><MsgId>TEST-NO-20261120-0001</MsgId><CreDtTm>2026-11-20T17:31:04+01:00</CreDtTm></GrpHdr>
<Ntfctn><Id>20261120-86011117947-1</Id><CreDtTm>2026-11-20T17:31:04+01:00</CreDtTm>
<Acct><Id><Othr><Id>86011117947</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr></Id><Ccy>NOK</Ccy></Acct>
<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>14310.50</Sum><TtlNetNtryAmt>14310.50</TtlNetNtryAmt>
<CdtDbtInd>CRDT</CdtDbtInd></TtlNtries><TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>14310.50</Sum>
</TtlCdtNtries></TxsSummry>
<Ntry><NtryRef>201126-1-1</NtryRef><Amt Ccy="NOK">13810.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-11-20</Dt></BookgDt><ValDt><Dt>2026-11-20</Dt></ValDt><AcctSvcrRef>90000001</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>VCOM</SubFmlyCd></Fmly></Domn><Prtry><Cd>230</Cd>
<Issr>NETS</Issr></Prtry></BkTxCd>
<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
<TxDtls><Refs><AcctSvcrRef>500000001</AcctSvcrRef><EndToEndId>NOTPROVIDED</EndToEndId></Refs><AmtDtls><TxAmt>
<Amt Ccy="NOK">12500.00</Amt></TxAmt></AmtDtls><RltdPties><Dbtr><Nm>Bjørnstad Bygg AS</Nm></Dbtr><DbtrAcct><Id>
<Othr><Id>12345678903</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr></Id></DbtrAcct></RltdPties><RmtInf><Strd>
<RfrdDocAmt><RmtdAmt Ccy="NOK">12500.00</RmtdAmt></RfrdDocAmt><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd>
</CdOrPrtry></Tp><Ref>9123400045012007</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>
<TxDtls><Refs><AcctSvcrRef>500000002</AcctSvcrRef><EndToEndId>NOTPROVIDED</EndToEndId></Refs><AmtDtls><TxAmt>
<Amt Ccy="NOK">1310.50</Amt></TxAmt></AmtDtls><RltdPties><Dbtr><Nm>Ola Nordmann</Nm></Dbtr></RltdPties><RmtInf>
<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>9123400045013005</Ref></CdtrRefInf></Strd>
</RmtInf></TxDtls>
</NtryDtls></Ntry>
<Ntry><NtryRef>201126-2-1</NtryRef><Amt Ccy="NOK">500.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-11-20</Dt></BookgDt><ValDt><Dt>2026-11-20</Dt></ValDt>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn><Prtry><Cd>233</Cd>
<Issr>NETS</Issr></Prtry></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="NOK">500.00</Amt>
</TxAmt></AmtDtls><RltdPties><Dbtr><Nm>Kari Æsøy</Nm></Dbtr></RltdPties><RmtInf><Ustrd>Faktura 10045</Ustrd>
<Ustrd>takk</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>
"""


def newer(text: str) -> str:
    """The vector as version 001.08 says the same."""
    text = text.replace("camt.054.001.02", "camt.054.001.08").replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>")
    text = re.sub(r"<Dbtr>(<Nm>[^<]*</Nm>)</Dbtr>", r"<Dbtr><Pty>\1</Pty></Dbtr>", text)
    text = re.sub(
        r"<AmtDtls>\s*<TxAmt>\s*(<Amt[^>]*>[^<]*</Amt>)\s*</TxAmt>\s*</AmtDtls>",
        r"\1<CdtDbtInd>CRDT</CdtDbtInd>",
        text,
    )
    return re.sub(
        r"<TtlNetNtryAmt>([^<]*)</TtlNetNtryAmt>\s*<CdtDbtInd>CRDT</CdtDbtInd>",
        r"<TtlNetNtry><Amt>\1</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry>",
        text,
    )


def reading(content: bytes | str, *, own: frozenset[str] = OWN, today: date = TODAY) -> SettlementFile:
    return read(content.encode() if isinstance(content, str) else content, own_accounts=own, today=today)


def one(entry: CamtEntry, version: str = "02") -> BankPayment:
    (payment,) = reading(CamtFile([entry], version=version).render()).payments
    return payment


def refusal(content: bytes | str, *, today: date = TODAY) -> tuple[str, str]:
    with pytest.raises(FileRefused) as refused:
        reading(content, today=today)
    return refused.value.line, str(refused.value)


def replaced(old: str, new: str, text: str = VECTOR) -> str:
    assert old in text
    return text.replace(old, new, 1)


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [VECTOR, newer(VECTOR)], ids=VERSIONS)
def test_the_vector(text: str) -> None:
    found = reading(text)
    assert found.format is SourceFormat.CAMT_054
    assert found.identity == "TEST-NO-20261120-0001 2026-11-20T17:31:04+01:00"
    assert [(p.amount.minor, p.kid, p.text, p.payer_name, p.payer_account) for p in found.payments] == [
        (1_250_000, "9123400045012007", "", "Bjørnstad Bygg AS", "12345678903"),
        (131_050, "9123400045013005", "", "Ola Nordmann", ""),
        (50_000, "", "Faktura 10045 takk", "Kari Æsøy", ""),
    ]
    assert [p.archive_reference for p in found.payments] == ["500000001", "500000002", ""]
    assert {(p.account, p.booking_date, p.reversal, p.amount.currency) for p in found.payments} == {
        (ACCOUNT, DAY, False, "NOK")
    }
    assert found.payments[1].position == "notification 1, entry 1, transaction 2"


def test_both_versions_tell_the_same() -> None:
    assert reading(VECTOR).payments == reading(newer(VECTOR)).payments


@pytest.mark.parametrize(
    "account",
    [
        "<IBAN>NO9386011117947</IBAN>",
        "<IBAN>NO93 8601 1117 947</IBAN>",
        "<Othr><Id>8601.11.17947</Id></Othr>",
    ],
)
def test_an_account_is_ours_however_it_is_written(account: str) -> None:
    file = CamtFile([CamtEntry([CamtTransaction("1.00")])], account=account)
    assert [p.account for p in reading(file.render()).payments] == [ACCOUNT]
    assert [p.account for p in reading(file.render(), own=frozenset({"NO9386011117947"})).payments] == [ACCOUNT]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kid", ["1000005-", "1234567890123456789012340", "00012344"])
def test_a_kid_is_given_as_it_stands(version: str, kid: str) -> None:
    assert one(CamtEntry([CamtTransaction("1.00", kid=kid)]), version).kid == kid


@pytest.mark.parametrize(
    ("strd", "kid", "numbers", "text"),
    [
        (f"<Strd>{scor('RF18539007547034', 'ISO')}</Strd>", "", (), "RF18539007547034"),
        ("<Strd><CdtrRefInf><Ref>602243</Ref></CdtrRefInf></Strd>", "", (), "602243"),
        (f"<Strd>{scor('602243')}</Strd><Strd>{scor('602243')}</Strd>", "602243", (), ""),
        (f"<Strd>{scor('602243')}</Strd><Strd>{scor('12344')}</Strd>", "", (), "KID 602243 KID 12344"),
        (
            "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>10045</Nb></RfrdDocInf></Strd>"
            "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CREN</Cd></CdOrPrtry></Tp><Nb>10050</Nb></RfrdDocInf>"
            "<RfrdDocInf><Nb>10045</Nb></RfrdDocInf></Strd>",
            "",
            ("10045", "10050"),
            "",
        ),
        (f"<Strd>{scor('602243')}<AddtlRmtInf>delbetaling</AddtlRmtInf></Strd>", "602243", (), "delbetaling"),
    ],
)
def test_what_a_payment_says_it_pays(strd: str, kid: str, numbers: tuple[str, ...], text: str) -> None:
    payment = one(CamtEntry([CamtTransaction("1.00", strd=strd)]))
    assert (payment.kid, payment.invoice_numbers, payment.text) == (kid, numbers, text)


def test_text_is_whole_though_comments_and_cdata_stand_in_it() -> None:
    payment = one(CamtEntry([CamtTransaction("1.00", text=("Faktura <!-- x -->100<![CDATA[45]]> &amp; 10046",))]))
    assert payment.text == "Faktura 10045 & 10046"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_entry_without_details_is_one_transaction(version: str) -> None:
    entry = CamtEntry([], amount="750.50", reference=" 900 ", more="<AddtlNtryInf>Innbetaling</AddtlNtryInf>")
    payment = one(entry, version)
    assert (payment.amount, payment.archive_reference, payment.text) == (Money(75_050), "900", "Innbetaling")


@pytest.mark.parametrize(
    ("indicator", "more", "minor", "reversal"),
    [
        ("CRDT", "", 100, False),
        ("CRDT", "<RvslInd>false</RvslInd>", 100, False),
        ("DBIT", "<RvslInd>true</RvslInd>", -100, True),
        ("DBIT", "", -100, True),
        ("CRDT", "<RvslInd>true</RvslInd>", 100, True),
        ("DBIT", "RRTN", -100, True),
        ("CRDT", "RRTN", 100, True),
    ],
)
def test_reversals(indicator: str, more: str, minor: int, reversal: bool) -> None:
    code, more = ("RRTN", "") if more == "RRTN" else ("VCOM", more)
    payment = one(CamtEntry([CamtTransaction("1.00")], indicator=indicator, more=more, code=code))
    assert (payment.amount.minor, payment.reversal) == (minor, reversal)


def test_a_transaction_sent_back_is_a_reversal() -> None:
    returned = CamtTransaction("1.00", detail="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")
    assert [
        p.reversal for p in reading(CamtFile([CamtEntry([CamtTransaction("2.00"), returned])]).render()).payments
    ] == [
        False,
        True,
    ]


def test_a_transaction_may_go_the_other_way_than_its_entry() -> None:
    debit = CamtTransaction("30.00", detail="<CdtDbtInd>DBIT</CdtDbtInd>")
    payments = reading(CamtFile([CamtEntry([CamtTransaction("100.00"), debit], amount="70.00")]).render()).payments
    assert [(p.amount.minor, p.reversal) for p in payments] == [(10_000, False), (-3_000, True)]


def test_foreign_currency_is_kept() -> None:
    entry = CamtEntry([CamtTransaction("10.50", currency="EUR")], currency="EUR")
    payment = reading(CamtFile([entry], currency="EUR").render()).payments[0]
    assert payment.amount == Money(1_050, "EUR")


def test_a_payment_made_in_euros_counts_as_what_was_credited() -> None:
    alone = CamtEntry([CamtTransaction("100.00", currency="EUR")], amount="1171.50")
    assert one(alone).amount == Money(117_150)
    counter = (
        CamtTransaction("100.00", currency="EUR")
        .render("02")
        .replace("</TxAmt>", '</TxAmt><CntrValAmt><Amt Ccy="NOK">1171.50</Amt></CntrValAmt>')
    )
    two = CamtEntry([CamtTransaction("1.00"), CamtTransaction("2.00")], amount="1172.50")
    text = CamtFile([two]).text().replace(CamtTransaction("2.00").render("02"), counter)
    assert [p.amount for p in reading(text).payments] == [Money(100), Money(117_150)]


def test_a_transaction_of_nothing_is_kept() -> None:
    assert one(CamtEntry([CamtTransaction("0.00", text=("Faktura og kreditnota går opp",))])).amount == Money(0)


def test_a_notification_without_entries() -> None:
    assert reading(CamtFile([]).render()).payments == ()


def test_a_copy_and_a_page_are_told_in_the_identity() -> None:
    file = CamtFile([], copy="COPY").text()
    assert reading(file).identity.endswith("+01:00 (COPY)")
    paged = replaced("</GrpHdr>", "<MsgPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></MsgPgntn></GrpHdr>", file)
    assert reading(paged).identity.endswith("+01:00 page 2 (COPY)")


@pytest.mark.parametrize(
    ("booked", "day"),
    [
        ("<Dt>2026-11-20+01:00</Dt>", DAY),
        ("<DtTm>2026-11-20T12:00:00</DtTm>", DAY),
        ("<DtTm>2026-11-19T23:30:00Z</DtTm>", DAY),
        ("<DtTm>2026-11-20T23:59:59+01:00</DtTm>", DAY),
    ],
)
def test_booking_dates_are_norwegian_days(booked: str, day: date) -> None:
    assert one(CamtEntry([CamtTransaction("1.00")], booked=booked)).booking_date == day


def test_twins_are_counted_and_a_copy_has_the_same_fingerprints() -> None:
    twin = CamtTransaction("500.00", kid="602243", payer_account="12345678903")
    entries = [CamtEntry([twin, twin], reference="1"), CamtEntry([twin], reference="2")]
    first = reading(CamtFile(entries).render()).payments
    assert [p.occurrence for p in first] == [1, 2, 1]
    assert len({p.fingerprint for p in first}) == 2
    again = reading(CamtFile(entries[::-1], version="08", message="other", copy="COPY").render()).payments
    assert {(p.fingerprint, p.occurrence) for p in again} == {(p.fingerprint, p.occurrence) for p in first}


def test_two_notifications_for_two_accounts() -> None:
    text = CamtFile([CamtEntry([CamtTransaction("1.00")])]).text()
    block = text[text.index("<Ntfctn>") : text.index("</BkToCstmr")]
    both = replaced("</BkToCstmr", block.replace(ACCOUNT, OTHER_ACCOUNT) + "</BkToCstmr", text)
    found = reading(both, own=frozenset({ACCOUNT, OTHER_ACCOUNT})).payments
    assert [(p.account, p.position[:14]) for p in found] == [
        (ACCOUNT, "notification 1"),
        (OTHER_ACCOUNT, "notification 2"),
    ]
    assert refusal(both)[0] == "notification 2"


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("<NbOfTxs>2</NbOfTxs>", "<NbOfTxs>3</NbOfTxs>", "notification 1, entry 1", "3 transactions"),
        ("13810.50", "13810.51", "notification 1, entry 1", "come to 13810.50 NOK"),
        ('"NOK">1310.50', '"NOK">1310.05', "notification 1, entry 1", "come to 13810.05 NOK"),
        ("<NbOfNtries>2", "<NbOfNtries>3", "notification 1", "number of entries"),
        ("<Sum>14310.50", "<Sum>14310.05", "notification 1", "another sum"),
        ("<Sum>14310.50</Sum><TtlNet", "<Sum>14310.05</Sum><TtlNet", "notification 1", "TtlNtries"),
        ("<TtlCdtNtries><NbOfNtries>2", "<TtlCdtNtries><NbOfNtries>1", "notification 1", "TtlCdtNtries"),
        ("BOOK", "PDNG", "notification 1, entry 1", "not booked"),
        ("<BookgDt><Dt>2026-11-20", "<BookgDt><Dt>2026-11-22", "notification 1, entry 1", "still to come"),
        ("<BookgDt><Dt>2026-11-20", "<BookgDt><Dt>2026-11-31", "notification 1, entry 1", "not a date"),
        ("<BookgDt><Dt>2026-11-20", "<BookgDt><Dt>20261120", "notification 1, entry 1", "not a date"),
        (ACCOUNT + "</Id>", OTHER_ACCOUNT + "</Id>", "notification 1", "ending in 0119 is not one of the factor's"),
        ("<Ccy>NOK</Ccy>", "<Ccy>SEK</Ccy>", "notification 1", "account in SEK"),
        ('Amt Ccy="NOK">500.00', 'Amt Ccy="NOK">500.001', "notification 1, entry 2", "more decimals"),
        ('Amt Ccy="NOK">500.00', 'Amt Ccy="NOK">-500.00', "notification 1, entry 2", "number without a sign"),
        ('Amt Ccy="NOK">500.00', 'Amt Ccy="NOK">500,00', "notification 1, entry 2", "number without a sign"),
        ('Amt Ccy="NOK">500.00', "Amt>500.00", "notification 1, entry 2", "no currency"),
        ("</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>", "</Amt><Sts>", "notification 1, entry 1", "CdtDbtInd is missing"),
        ("<CdtDbtInd>CRDT</CdtDbtInd><Sts>", "<CdtDbtInd>KRED</CdtDbtInd><Sts>", "notification 1, entry 1", "CRDT"),
        ("<Sts>", "<RvslInd>maybe</RvslInd><Sts>", "notification 1, entry 1", "true nor false"),
        ("<Sts>", '<Amt Ccy="NOK">13810.50</Amt><Sts>', "notification 1, entry 1", "Amt stands twice"),
        ("<Ref>9123", "<Ref>9123<x/>", "notification 1, entry 1, transaction 1", "inside a text"),
        ("<MsgId>TEST-NO-20261120-0001</MsgId>", "", "group header", "lacks"),
        ("<Acct>", "<Account>", "", "broken"),
    ],
)
def test_a_fault_is_refused_at_its_place(version: str, old: str, new: str, at: str, says: str) -> None:
    text = VECTOR if version == "02" else newer(VECTOR)
    line, message = refusal(replaced(old, new, re.sub(r">\s+<", "><", text)))
    assert says in message
    assert line == at or (not at and line)


def test_the_net_amount_and_its_side_are_checked() -> None:
    assert "net amount" in refusal(replaced("<TtlNetNtryAmt>14310.50", "<TtlNetNtryAmt>14310.05"))[1]
    assert "net amount" in refusal(replaced("<TtlNetNtry><Amt>14310.50", "<TtlNetNtry><Amt>1.00", newer(VECTOR)))[1]
    other_side = re.sub(r"(TtlNetNtryAmt>\s*<CdtDbtInd>)CRDT", r"\1DBIT", VECTOR)
    assert other_side != VECTOR
    assert "net amount" in refusal(other_side)[1]


@pytest.mark.parametrize(
    ("namespace", "says"),
    [
        ("camt.053.001.02", "camt.053"),
        ("camt.053.001.08", "lump sums only"),
        ("camt.052.001.02", "camt.052"),
        ("camt.054.001.04", "001.02 or 001.08"),
        ("camt.054.001.14", "001.02 or 001.08"),
        ("pain.002.001.03", "not a notification"),
    ],
)
def test_other_messages_and_versions_are_refused_by_name(namespace: str, says: str) -> None:
    assert says in refusal(VECTOR.replace("camt.054.001.02", namespace))[1]


BOMB = '<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [BOMB, OUTSIDE, '<!DOCTYPE Document SYSTEM "http://localhost:1/x.dtd">'])
def test_a_doctype_is_refused_before_it_is_read(doctype: str) -> None:
    hostile = VECTOR.replace("<Document", doctype + "<Document", 1).replace("Faktura 10045", "&b;&x;")
    assert "DOCTYPE" in refusal(hostile)[1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (VECTOR.replace("Faktura 10045", "&unknown;"), "broken"),
        (VECTOR.encode("iso-8859-1"), "broken"),
        (VECTOR.replace('"UTF-8"', '"UTF-7"'), "another encoding"),
        (VECTOR.encode("utf-16"), "UTF-16"),
        (VECTOR + "<x/>", "broken"),
        (VECTOR.replace("<Ustrd>takk", "<x>" * 400 + "</x>" * 400 + "<Ustrd>takk"), "broken"),
        ("<html><body>Logg inn</body></html>", "web page"),
        ("<!DOCTYPE html><html></html>", "web page"),
        ("<Invoice xmlns='urn:x'/>", "not an ISO 20022"),
        ("<Document/>", "not an ISO 20022"),
        ("<", "not XML"),
        (f'<Document xmlns="{CAMT_NAMESPACE}02"/>', "group header"),
        (re.sub(r"(?s)<Ntfctn>.*</Ntfctn>", "", VECTOR), "no notification"),
        (re.sub(r"(?s)(<GrpHdr>.*</GrpHdr>)", r"\1\1", VECTOR), "two group headers"),
        (re.sub(r"(?s)(<TxDtls>.*?</TxDtls>)", r"<Envlp>\1</Envlp>", VECTOR, count=1), "must not"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "packed"),
        (b"Dato;Tekst;Ut;Inn\r\n", "neither"),
    ],
)
def test_hostile_and_damaged_files(content: bytes | str, says: str) -> None:
    assert says in refusal(content)[1]


def test_a_lump_sum_of_many_without_details_is_refused() -> None:
    assert "details of 0" in refusal(CamtFile([CamtEntry([], amount="9.00", batch="5")]).render())[1]
    assert one(CamtEntry([], amount="9.00", batch="1")).amount == Money(900)


def test_latin_letters_are_read_when_the_file_says_so() -> None:
    content = VECTOR.replace('"UTF-8"', '"ISO-8859-1"').encode("iso-8859-1")
    assert reading(content).payments == reading(VECTOR).payments


# --- any file -------------------------------------------------------------------------------------

AMOUNTS = st.integers(0, 10**10).map(lambda minor: f"{minor // 100}.{minor % 100:02}")
TEXTS = st.text("abcæøå 019", max_size=20)
TRANSACTIONS = st.builds(
    CamtTransaction,
    amount=AMOUNTS,
    kid=st.one_of(st.just(""), st.from_regex(r"[0-9]{3,24}[0-9-]", fullmatch=True)),
    text=st.lists(TEXTS, max_size=2).map(tuple),
    payer=TEXTS.map(str.strip),
    payer_account=st.sampled_from(["", "12345678903"]),
    reference=st.sampled_from(["", "500000001", "500000002"]),
)
FILES = st.builds(
    CamtFile,
    entries=st.lists(
        st.builds(CamtEntry, transactions=st.lists(TRANSACTIONS, min_size=1, max_size=3), reference=st.just("9")),
        max_size=3,
    ),
    version=st.sampled_from(VERSIONS),
)


@given(FILES)
def test_round_trip(file: CamtFile) -> None:
    sent = [transaction for entry in file.entries for transaction in entry.transactions]
    found = reading(file.render()).payments
    assert [(str(p.amount.amount), p.kid, p.text, p.payer_account) for p in found] == [
        (t.amount, t.kid, " ".join(" ".join(t.text).split()), t.payer_account) for t in sent
    ]
    assert len({(p.fingerprint, p.occurrence) for p in found}) == len(found)


@given(FILES, st.data())
def test_no_changed_digit_of_an_amount_goes_unseen(file: CamtFile, data: st.DataObject) -> None:
    text = file.text()
    places = [m.start(1) + n for m in re.finditer(r"<(?:Amt|Sum)[^>]*>([0-9.]+)<", text) for n in range(len(m[1]))]
    place = data.draw(st.sampled_from([place for place in places if text[place] != "."]))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != text[place]]))
    refusal(text[:place] + digit + text[place + 1 :])


@given(FILES, st.data())
def test_no_truncation_goes_unseen(file: CamtFile, data: st.DataObject) -> None:
    content = file.render()
    refusal(content[: data.draw(st.integers(0, len(content.rstrip()) - 1))])


@given(FILES, st.data())
def test_no_transaction_is_lost_or_doubled_unseen(file: CamtFile, data: st.DataObject) -> None:
    places = [(e, t) for e, entry in enumerate(file.entries) for t, _ in enumerate(entry.transactions)]
    places = [(e, t) for e, t in places if Decimal(file.entries[e].transactions[t].amount)]
    assume(places)
    number, place = data.draw(st.sampled_from(places))
    entry = file.entries[number]
    sent = list(entry.transactions)
    # The only one of an entry cannot be missed: without it the entry is a transaction itself, for a person to look at.
    for changed in ([*sent[:place], *sent[place + 1 :]], [*sent, sent[place]]):
        if changed:
            faulty = replace(entry, transactions=changed, amount=str(entry.total))
            refusal(replace(file, entries=[*file.entries[:number], faulty, *file.entries[number + 1 :]]).render())


@given(FILES, st.data())
def test_any_damage_is_refused_in_words_that_hold_no_name_or_account(file: CamtFile, data: st.DataObject) -> None:
    content = bytearray(file.render())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        reading(bytes(content))
    except FileRefused as refused:
        said = f"{refused} {refused.line}"
        sent = [t for entry in file.entries for t in entry.transactions]
        assert not any(word in said for t in sent for word in (t.kid, t.payer, *t.text) if len(word) > 5)
        assert "12345678903" not in said
        assert ACCOUNT not in said
