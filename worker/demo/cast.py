"""Who plays in the demo: two clients, their debtors, and what happens to each invoice. Everybody is invented."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from worker.demo.calendar import FIRST_DAY
from worker.model.document import Kind
from worker.model.party import PostalAddress
from worker.sandbox import magic
from worker.sandbox.ehf_builder import BuilderAllowance, BuilderLine, BuilderParty, build_ehf
from worker.sandbox.maventa.state import MaventaState

FACTOR_NAME = "Eksempel Factoring AS"
FACTOR_ACCOUNT = "86011117947"


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client as the ERP knows it, and what stands in its env file beside the usual."""

    name: str
    key: str
    title: str
    organisation_number: str
    address: PostalAddress
    account: str
    extra: dict[str, str]


@dataclass(frozen=True, slots=True)
class DemoDebtor:
    """A customer card. `organisation_number` empty: a private person. `peppol`: can receive EHF."""

    code: int
    name: str
    organisation_number: str = ""
    address: PostalAddress = field(default_factory=PostalAddress)
    email: str = ""
    phone: str = "+47 22 00 00 00"
    peppol: bool = False
    no_card: bool = False


@dataclass(frozen=True, slots=True)
class DemoInvoice:
    """One invoice of the demo, and what is to happen to it, for the table."""

    client: str
    debtor: int
    number: int
    lines: tuple[BuilderLine, ...]
    story: str
    kind: Kind = Kind.INVOICE
    credits: int | None = None
    trouble: str | None = None
    total: Decimal | None = None
    seller: str | None = None
    embedded_pdf: bytes | None = None
    note: str = ""
    payee: BuilderParty | None = None
    discount: Decimal | None = None
    late: bool = False  # made between 08:00 and 10:30
    opens: date | None = None  # the debtor opens the link that day
    days: int = 14


def _number(stem: int) -> str:
    """An organisation number nobody has: 399 1xx xxx with its check digit (mod-11)."""
    body = f"{stem:08d}"
    rest = sum(int(sign) * weight for sign, weight in zip(body, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    if rest == 1:
        return _number(stem + 7)
    return body + str((11 - rest) % 11)


FACTOR_NUMBER = _number(39910000)
# What the factor asks a client to set up before return data is switched on.
RETURN_DATA_ACCOUNTS = {
    1510: "Fordringer factoring",
    2990: "Gjeld factoring",
    6970: "Administrative gebyrer factoring",
    6975: "Finansielle gebyrer factoring",
    8050: "Renteinntekter",
}

CLIENTS: tuple[DemoClient, ...] = (
    DemoClient(
        "nordlys", "demo-key-nordlys", "Nordlys Bakeri & Konditori AS", _number(39910100),
        PostalAddress("Storgata 14", "", "9008", "Tromsø"), "15032080119",
        {"KID_CLIENT_NUMBER": "1001", "EMAIL_CHANNEL": "link", "ACCENT_COLOUR": "#1f4e5f",
         "REPLY_TO": "faktura@nordlys.example", "REPORT_TO": "regnskap@nordlys.example, kontor@nordlys.example",
         "RETURN_DATA": "on", "ACCOUNT_CLEARING": "1510",
         "ACCOUNT_ADMINISTRATIVE_FEES": "6970", "ACCOUNT_FINANCIAL_FEES": "6975", "ACCOUNT_BANK": "1920",
         "ACCOUNT_BALANCE": "2990", "ACCOUNT_INTEREST_INCOME": "8050", "ACCOUNT_LOSSES": "7830",
         "EFAKTURA": "on", "EFAKTURA_TENANT": MaventaState().open_company(_number(39910100))},
    ),
    DemoClient(
        "fjordvik", "demo-key-fjordvik", "Fjordvik Rør og Varme AS", _number(39910200),
        PostalAddress("Kaigata 3", "", "5003", "Bergen"), "15032080119",
        {"KID_CLIENT_NUMBER": "1002", "EMAIL_CHANNEL": "pdf", "NOTICE_FAMILY": "pledged", "ACCENT_COLOUR": "#7a3b1d",
         "REPORT_TO": "regnskap@fjordvik.example"},
    ),
)  # fmt: skip


def _address(street: str, code: str, city: str, country: str = "NO") -> PostalAddress:
    return PostalAddress(street, "", code, city, country)


def _debtors() -> dict[str, tuple[DemoDebtor, ...]]:
    a = _address
    return {
        "nordlys": (
            DemoDebtor(10001, "Ålesund Øyriker AS", _number(39920100), a("Kongens gate 1", "6002", "ÅLESUND"),
                       "post@oyriker.example", peppol=True),
            DemoDebtor(10002, "Sápmi Mánáidgárdi SA", _number(39920200), a("Šearátgeaidnu 2", "9730", "KARASJOK"),
                       "čállin@manaid.example", peppol=True),
            DemoDebtor(10003, "Kari Østby", "", a("Bjørkeveien 7", "0487", "OSLO"), "kari.ostby@privat.example"),
            DemoDebtor(10004, "Per Åsen", "", a("Fjellstien 22", "7030", "TRONDHEIM"), "per.asen@privat.example"),
            DemoDebtor(10005, "Łucja Wiśniewska", "", a("Parkveien 3B", "0350", "OSLO"), "lucja@privat.example"),
            DemoDebtor(10006, "Gamlehjemmet Kafé", _number(39920300), a("Tunvegen 9", "2608", "LILLEHAMMER"), ""),
            DemoDebtor(10007, "Borettslaget Sol", _number(39920400), a("Solveien 1", "4009", "STAVANGER"),
                       "PrintOnly@FactoringFinans.no"),
            DemoDebtor(10008, "Fjellheim Pensjonat AS", _number(39920500), a("", "3580", "GEILO"),
                       "post@fjellheim.example"),
            DemoDebtor(10009, "Ola Nordmann", "", a("Lillegata 5", "1606", "FREDRIKSTAD"),
                       "ola+refused@privat.example"),
            DemoDebtor(10010, "Grete Grå", "", a("Askeveien 11", "3015", "DRAMMEN"), "grete+greylisted@privat.example"),
            DemoDebtor(10011, "Treg Kommune", magic.AP_422_THEN_SENT, a("Rådhusplassen 1", "7500", "STJØRDAL"),
                       "post@treg.example", peppol=True),
            DemoDebtor(10012, "Tidsavbrudd AS", magic.AP_TIMEOUT_AFTER_ACCEPT,
                       a("Klokkegata 4", "4610", "KRISTIANSAND"), "post@tidsavbrudd.example", peppol=True),
            DemoDebtor(10013, "Avvist Drift AS", magic.AP_422_FAILS_FOR_GOOD, a("Portveien 8", "8006", "BODØ"),
                       "post@avvist.example", peppol=True),
            DemoDebtor(10014, "Ukjent Oppslag AS", magic.SMP_500, a("Dimveien 2", "1400", "SKI"),
                       "post@ukjent.example"),
            DemoDebtor(10015, "Slettet Kunde AS", _number(39920600), a("Borte 1", "0150", "OSLO"), no_card=True),
            DemoDebtor(10016, "Malmö Bageri AB", "", a("Stortorget 5", "211 22", "Malmö", "SE"), "info@bageri.example"),
            DemoDebtor(10017, "Berit Brudd", "", a("Kabelgata 1", "0582", "OSLO"), "berit+drop@privat.example"),
            DemoDebtor(10018, "Maja Solheim", "", a("Havgløttveien 6", "8012", "BODØ"), "maja+efaktura@privat.example"),
            DemoDebtor(10019, "Ante Hætta", "", a("Bredbuktnesveien 3", "9520", "KAUTOKEINO"),
                       "ante+efaktura-rejected@privat.example"),
        ),
        "fjordvik": (
            DemoDebtor(20001, "Havnelageret Eiendom AS", _number(39930100), a("Havnegata 2", "5003", "BERGEN"),
                       "faktura@havnelageret.example", peppol=True),
            DemoDebtor(20002, "Solveig Hjelle", "", a("Lia 14", "5419", "FITJAR"), "solveig@privat.example"),
            DemoDebtor(20003, "Torstein Vik", "", a("Vikavegen 30", "5545", "VORMEDAL"), ""),
            DemoDebtor(20004, "Camping Nord DA", _number(39930200), a("Strandvegen 6", "6868", "GAUPNE"),
                       "post@camping.example"),
            DemoDebtor(20005, "Returpost AS", _number(39930300), a("Returveien 1", "5538", "HAUGESUND"),
                       "post+bounce@retur.example"),
            DemoDebtor(20006, "Nøkkelferdig Bygg AS", _number(39930400), a("Murvegen 12", "5700", "VOSS"),
                       "faktura@bygg.example", peppol=True),
        ),
    }  # fmt: skip


DEBTORS = _debtors()


def _line(name: str, quantity: str, price: str, vat: str = "25", unit: str = "EA") -> BuilderLine:
    return BuilderLine(name, Decimal(quantity), unit, Decimal(price), Decimal(vat))


BREAD = (_line("Kneippbrød, stort", "40", "32.50", "15"), _line("Skillingsboller", "60", "21.90", "15"))
CAKE = (_line("Bløtkake, 20 personer", "1", "890.00", "15"), _line("Levering", "1", "150.00"))
PIPES = (_line("Rørleggerarbeid", "7.5", "945.00", "25", "HUR"), _line('Kuleventil 3/4" forniklet', "4", "289.00"))
BOILER = (_line("Varmtvannsbereder 198 l", "1", "8490.00"), _line("Montering", "3", "945.00", "25", "HUR"))


def invoices() -> list[DemoInvoice]:
    """Every invoice of the demo, in the order the ERP numbers them."""
    n, f = "nordlys", "fjordvik"
    day = FIRST_DAY
    own_copy = b"%PDF-1.4\n% the ERP's own picture of the invoice, with the client's own account 1503 20 80119\n%%EOF\n"
    return [
        DemoInvoice(n, 10001, 5001, BREAD, "EHF to a business"),
        DemoInvoice(n, 10001, 5002, CAKE, "EHF with a discount on the whole", discount=Decimal("100.00")),
        DemoInvoice(n, 10002, 5003, BREAD, "EHF; Sámi letters"),
        DemoInvoice(n, 10003, 5004, CAKE, "e-mail link, opened the same day", opens=day),
        DemoInvoice(n, 10004, 5005, BREAD, "e-mail link, never opened: a letter on Monday"),
        DemoInvoice(n, 10005, 5006, CAKE, "e-mail link, opened on the third day", opens=day + timedelta(days=3)),
        DemoInvoice(n, 10006, 5007, BREAD, "no e-mail: letter"),
        DemoInvoice(n, 10007, 5008, CAKE, "print-only address: letter, nothing else"),
        DemoInvoice(n, 10008, 5009, BREAD, "no street on the card: parked until mended at 10:00"),
        DemoInvoice(n, 10009, 5010, CAKE, "the mail server refuses the address: letter"),
        DemoInvoice(n, 10010, 5011, BREAD, "greylisted: tried again, arrives", opens=day),
        DemoInvoice(n, 10011, 5012, CAKE, "the access point needs time, then sends"),
        DemoInvoice(n, 10012, 5013, BREAD, "the access point takes it and never answers: asked, not sent again"),
        DemoInvoice(n, 10013, 5014, CAKE, "the access point gives up: e-mail instead"),
        DemoInvoice(n, 10014, 5015, BREAD, "the look-up fails: parked, never paper"),
        DemoInvoice(n, 10015, 5016, CAKE, "no customer card: parked"),
        DemoInvoice(n, 10016, 5017, BREAD, "abroad, e-mail link in the debtor's language"),
        DemoInvoice(n, 10001, 5018, BREAD, "the ERP's document is a JSON error: parked", trouble="ehf_json_error"),
        DemoInvoice(n, 10001, 5019, BREAD, "the ERP's document is HTML: parked", trouble="ehf_html"),
        DemoInvoice(n, 10001, 5020, BREAD, "the ERP's document has a DTD: parked", trouble="ehf_dtd"),
        DemoInvoice(n, 10001, 5021, BREAD, "list and document disagree on the amount: parked", total=Decimal("1.00")),
        DemoInvoice(n, 10002, 5022, BREAD, "the seller is somebody else: parked", seller="fjordvik"),
        DemoInvoice(n, 10017, 5023, CAKE, "the mail server drops the line after the message: a person finds out"),
        DemoInvoice(n, 10001, 5024, CAKE, "the ERP's own PDF inside, with the old account: dropped",
                    embedded_pdf=own_copy),
        DemoInvoice(n, 10018, 5027, CAKE, "a person who says yes to eFaktura"),
        DemoInvoice(n, 10019, 5028, BREAD, "eFaktura that the bank gives back later: e-mail instead"),
        DemoInvoice(n, 10001, 5025, BREAD[:1], "credit note by EHF", kind=Kind.CREDIT_NOTE, credits=5001, late=True),
        DemoInvoice(n, 10003, 5026, CAKE[1:], "credit note by e-mail link", kind=Kind.CREDIT_NOTE, credits=5004,
                    late=True),
        DemoInvoice(f, 20001, 8101, PIPES, "EHF to a business"),
        DemoInvoice(f, 20002, 8102, BOILER, "e-mail with PDF to a person"),
        DemoInvoice(f, 20003, 8103, PIPES, "no e-mail: letter"),
        DemoInvoice(f, 20004, 8104, BOILER, "cannot receive EHF: e-mail with PDF"),
        DemoInvoice(f, 20005, 8105, PIPES, "e-mail with PDF that bounces later"),
        DemoInvoice(f, 20006, 8106, BOILER, "EHF; the ERP's answer to the report is lost: asked, not repeated",
                    trouble="delivered_timeout_after_accept"),
        DemoInvoice(f, 20001, 8107, PIPES, "another payee on the document: parked",
                    payee=BuilderParty("Annen Finans AS", _number(39940100))),
        DemoInvoice(f, 20006, 8108, PIPES, "the client's account in the text: parked",
                    note="Betal til konto 1503.20.80119."),
        DemoInvoice(f, 20001, 8109, PIPES[:1], "credit note by EHF", kind=Kind.CREDIT_NOTE, credits=8101, late=True),
        DemoInvoice(f, 20006, 8110, BOILER, "the ERP refuses the report: a person finds out",
                    trouble="delivered_refused", late=True),
    ]  # fmt: skip


def seller(client: DemoClient) -> BuilderParty:
    """The client as the documents state it."""
    return BuilderParty(client.title, client.organisation_number, client.address, contact="Kundeservice",
                        phone="+47 77 00 00 00", email=f"post@{client.name}.example")  # fmt: skip


def buyer(debtor: DemoDebtor) -> BuilderParty:
    """The debtor as the documents state it."""
    return BuilderParty(debtor.name, debtor.organisation_number, debtor.address, phone=debtor.phone, email=debtor.email)


def document(invoice: DemoInvoice) -> bytes:
    """The EHF the ERP makes of the invoice."""
    clients = {client.name: client for client in CLIENTS}
    debtor = next(d for d in DEBTORS[invoice.client] if d.code == invoice.debtor)
    client = clients[invoice.seller or invoice.client]
    return build_ehf(
        kind=invoice.kind,
        number=str(invoice.number),
        issue_date=FIRST_DAY,
        due_date=FIRST_DAY + timedelta(days=invoice.days),
        seller=seller(client),
        buyer=buyer(debtor),
        lines=invoice.lines,
        client_account=client.account,
        client_kid="" if invoice.kind is Kind.CREDIT_NOTE else f"{invoice.number}0",
        note=invoice.note,
        credited_number=str(invoice.credits) if invoice.credits else "",
        allowances=_discount(invoice.discount),
        payee=invoice.payee,
        embedded_pdf=invoice.embedded_pdf,
    )


def _discount(amount: Decimal | None) -> list[BuilderAllowance]:
    return [BuilderAllowance(amount, "Stamkunde", vat_percent=Decimal(15))] if amount else []
