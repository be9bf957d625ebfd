"""Where things stand: the address window, the margins, nothing over anything else, whatever the texts are."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal as D
from itertools import combinations, pairwise

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.golden.documents import CONFIG, GOLDEN, invoice, many_lines
from tests.golden.reading import Placed, placed_texts
from worker.model.document import AllowanceOrCharge, DocumentLine, VatSubtotal
from worker.stamping.pdf import PdfError, draw

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")  # the reader tears these lines apart


def faults(texts: list[Placed]) -> list[str]:
    """Texts outside the margins, and pairs that cover one another."""
    turned = {(text.page, text.y) for text in texts if RIGHT_TO_LEFT.search(text.text)}
    texts = [text for text in texts if text.text.strip() and (text.page, text.y) not in turned]
    outside = [
        f"outside: {text}" for text in texts if text.x < 19.9 or text.right > 190.3 or text.top < 10 or text.y > 287
    ]
    return outside + [f"over one another: {one} {other}" for one, other in combinations(texts, 2) if _cover(one, other)]


def _cover(one: Placed, other: Placed) -> bool:
    return (
        one.page == other.page
        and one.x < other.right - 0.2
        and other.x < one.right - 0.2
        and one.top < other.y - 0.1
        and other.top < one.y - 0.1
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_nothing_stands_outside_or_over_anything(name: str) -> None:
    assert faults(placed_texts(draw(*GOLDEN[name]()).content)) == []


@pytest.mark.parametrize("name", GOLDEN)
def test_the_window_holds_the_address_and_nothing_else(name: str) -> None:
    document, config = GOLDEN[name]()
    texts = [text for text in placed_texts(draw(document, config).content) if text.page == 1]
    beside = [text for text in texts if text.x < 120 and text.y > 30 and text.top < 80]
    inside = [text for text in beside if text.top >= 45 and text.y <= 65 and text.x > 19.95 and text.right <= 100]
    assert " ".join(text.text for text in inside) == " ".join(config.recipient_lines)
    assert [text.text for text in beside if text not in inside] == [config.return_address]
    assert {text.font for text in inside} == {"LiberationSans"}


def test_a_usual_address_is_ten_points() -> None:
    lines = ("Åse Østensjø", "c/o Bjørn Ås", "Storgata 1", "Postboks 12", "9900 KIRKENES")
    texts = placed_texts(draw(invoice(), replace(CONFIG, recipient_lines=lines)).content)
    assert [text.size for text in texts if text.text in lines and text.page == 1 and text.x == pytest.approx(20)][
        :5
    ] == [10, 10, 10, 10, 10]


def test_an_address_that_cannot_be_read_in_the_window_is_refused() -> None:
    with pytest.raises(PdfError, match="window"):
        draw(invoice(), replace(CONFIG, recipient_lines=("lang " * 400,)))


def test_every_page_repeats_the_header_row_and_carries_the_sum() -> None:
    drawn = draw(many_lines(250), CONFIG)
    pages = [[t for t in placed_texts(drawn.content) if t.page == n] for n in range(1, drawn.pages + 1)]
    with_lines = [page for page in pages if any(text.text.startswith("Artikkel nummer") for text in page)]
    assert len(with_lines) > 5
    for page in with_lines:
        assert "Beskrivelse" in [text.text for text in page]
    for before, after in pairwise(with_lines):
        sent, taken = (
            next(next(n.text for n in page[i + 1 :]) for i, t in enumerate(page) if t.text == label)
            for page, label in ((before, "Overføres til neste side"), (after, "Overført fra forrige side"))
        )
        last = max(int(t.text.split()[-1]) for t in before if t.text.startswith("Artikkel nummer"))
        expected = sum((D("1.25") * n for n in range(1, last + 1)), D(0))
        assert sent == taken
        assert D(re.sub(r"\s", "", sent).replace(",", ".")) == expected
    for number, page in enumerate(pages, start=1):
        assert f"Side {number} av {drawn.pages}" in [text.text for text in page]


@pytest.mark.parametrize("count", [1, 6, 9, 10, 11])
def test_a_short_invoice_with_terms_and_message_is_one_page(count: int) -> None:
    drawn = draw(many_lines(count), CONFIG)
    assert drawn.pages == 1
    assert faults(placed_texts(drawn.content)) == []


@pytest.mark.parametrize("count", range(7, 60, 3))
def test_the_payment_block_never_stands_alone_on_a_page(count: int) -> None:
    drawn = draw(many_lines(count), CONFIG)
    where = {text.text: text.page for text in placed_texts(drawn.content)}
    assert where["Betalingsinformasjon"] == where["Sum eks. mva."] == drawn.pages


def test_an_entry_taller_than_a_page_goes_on_overleaf_with_every_word() -> None:
    words = [f"ord{n}" for n in range(4000)]
    line = DocumentLine("1", "Lang", description=" ".join(words), quantity=D(1), unit_code="EA", net=D("12500.00"))
    drawn = draw(invoice(lines=(line, replace(line, description="kort"))), CONFIG)
    assert drawn.pages > 2
    texts = placed_texts(drawn.content)
    assert faults(texts) == []
    assert re.findall(r"ord\d+", " ".join(text.text for text in texts)) == words
    carried = [t.text for t in texts if t.text == "12 500,00"]
    assert len(carried) > drawn.pages  # printed on the first page, so it is in every sum carried after it


def test_long_terms_and_notes_and_many_rates_flow_over_pages() -> None:
    document = invoice(
        payment_terms=" ".join(f"vilkår{n}" for n in range(900)),
        notes=(" ".join(f"melding{n}" for n in range(900)),),
        vat=tuple(VatSubtotal("E", D(0), D("1.00"), D(0), f"grunn{n}") for n in range(120)),
        allowances=tuple(AllowanceOrCharge(n % 2 == 0, f"rabatt{n}", D("1.00")) for n in range(120)),
    )
    drawn = draw(document, replace(CONFIG, notice=" ".join(f"notis{n}" for n in range(1500))))
    texts = placed_texts(drawn.content)
    assert faults(texts) == []
    everything = " ".join(text.text for text in texts)
    for word, count in (("vilkår", 900), ("melding", 900), ("notis", 1500), ("grunn", 120), ("rabatt", 120)):
        assert set(re.findall(rf"{word}(\d+)", everything)) == {str(n) for n in range(count)}, word


letters = st.characters(exclude_categories=("Cs",)).filter(lambda letter: not RIGHT_TO_LEFT.match(letter))
name = st.text(letters, min_size=1, max_size=90)
amount = st.decimals(-(10**12), 10**15, places=2)


# No shrinking: a failing document is drawn anew for every step, and the fault names the texts anyway.
@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    names=st.tuples(name, name, name, name),
    long=st.text(letters, max_size=600),
    lines=st.lists(st.tuples(name, st.text(letters, max_size=200), amount, name), max_size=12),
    amounts=st.tuples(amount, amount, amount),
)
@example(names=("\x13", "a", "\x02", "b"), long="\x86", lines=[("\x01", "", D(0), "\x01")], amounts=(D(0), D(0), D(1)))
def test_no_text_and_no_amount_breaks_the_layout(
    names: tuple[str, str, str, str], long: str, lines: list[tuple[str, str, D, str]], amounts: tuple[D, D, D]
) -> None:
    base = invoice()
    document = replace(
        base,
        number=names[0],
        seller=replace(base.seller, name=names[1], legal_name=long[:100], contact_name=long[:50]),
        buyer=replace(base.buyer, name=names[2], contact_name=names[3]),
        buyer_reference=long,
        payment_terms=long,
        notes=(long,),
        lines=tuple(
            DocumentLine(str(n), title, description=text, quantity=value, unit_code=unit[:12], unit_price=value,
                         net=value, seller_item_id=unit)
            for n, (title, text, value, unit) in enumerate(lines)
        ),
        tax_exclusive=amounts[0],
        tax_total=amounts[1],
        payable=amounts[2],
    )  # fmt: skip
    config = replace(CONFIG, recipient_lines=(names[2], names[3], "0184 OSLO"))
    assert faults(placed_texts(draw(document, config).content)) == []
