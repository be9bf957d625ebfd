"""The manual's sample as netsgiro carries it (otovo/python-netsgiro, tests/data, Apache-2.0), read as netsgiro 2.0.1
reads it. It is put together here from what it says, and known by its SHA-256.

To compare with netsgiro itself: `python -m tests.bench.settlement_files --ocr-file <the file>`.
"""

from __future__ import annotations

import hashlib
from datetime import date

from worker.model.money import Money
from worker.model.settlement import Skipped
from worker.settlement.formats import read

SHA256 = "0a9fe95352b5fa69d524ee40c7108be3bd7594195d02af9f8192a61e7eb8adc1"
# Type, centre to lump sum (without the first 1), øre, KID, form, archive reference, filler (not always zeros), the
# bank's date, the payer's account.
ROWS = """\
21 320101464 102000 0000531 9636827194 099038562 0000000 160192 99990512341
10 320101464 102000 0036633 9797596016 097596016 1883206 160192 99991005524
10 320101464 56000 0048763 9797581675 097581675 1883206 170192 99991042764
10 320101464 102000 0063851 9797585760 097585760 1883206 170192 99991005524
10 320101464 102000 0120243 9797591579 097591579 1883206 170192 99990567898
10 320101464 56000 0165867 9797585109 097585109 1883206 160192 99991042764
10 320101464 102000 0178357 9797584855 097584855 1883206 160192 99991005524
11 320101570 150000 02212291038306 9600000000 600155380 0000000 200192 99999545528
12 320101570 120000 02311291038304 0000000000 001020169 0000000 000000 99991015406
13 320101570 55000 02310291038308 0000000000 220663800 0000000 000000 99991017530
11 320231570 194300 000149012 9600000000 600155211 0000000 200192 99990508034
12 320231570 100000 01211291038306 0000000000 001020169 0000000 000000 99990508034
13 320231570 50000 02111291038305 0000000000 032066370 0000000 000000 99990523084
13 320335572 2050000 02321291038303 0000000000 025066370 0000000 000000 99990510055
13 320941570 550000 02331291038302 0000000000 797489626 0000000 000000 99991011125
13 320941570 1050000 02341291038301 0000000000 028116370 0000000 000000 99999545528
10 320941570 64400 02358291038305 0000000000 280663800 0000000 000000 99999545528
10 320904514 56400 02311291029238 9636778003 091306714 0000000 170192 99991015406
10 320904514 28800 02311291034832 9636777821 097694999 0000000 160192 99991008034
10 320904514 54000 02311291133188 9636778117 091308861 0000000 170192 99991011125"""
ACCOUNT = "99991042764"


def the_sample() -> bytes:
    lines = [f"NY0000100000808001700310001020{0:050}", f"NY090020001008566000000299991042764{0:045}"]
    for number, row in enumerate(ROWS.splitlines(), 1):
        kind, lump, minor, kid, form, archive, filler, ordered, payer = row.split()
        lines.append(f"NY09{kind}30{number:07}2001921{lump}0{int(minor):017}{kid:>25}{0:06}")
        lines.append(f"NY09{kind}31{number:07}{form}{archive}{filler}{ordered}{payer}{0:022}")
        if kind == "21":
            lines.append(f"NY09{kind}32{number:07}{'Foo bar baz':<40}{0:025}")
    lines.append(f"NY090088{20:08}{43:08}{5144900:017}200192200192200192{0:021}")
    lines.append(f"NY000089{20:08}{45:08}{5144900:017}200192{0:033}")
    return "".join(f"{line}\n" for line in lines).encode("iso-8859-1")


def test_it_is_read_as_netsgiro_reads_it() -> None:
    content = the_sample()
    assert hashlib.sha256(content).hexdigest() == SHA256, "the very file"
    found = read(content, own_accounts=frozenset({ACCOUNT}), today=date(2026, 11, 21))
    rows = [row.split() for row in ROWS.splitlines()]
    assert [(p.amount.minor, p.kid, p.booking_date, p.payer_account) for p in found.payments] == [
        (int(minor), kid, date(1992, 1, 20), payer)
        for kind, _, minor, kid, *_, payer in rows
        if kind != "21"  # a card terminal: told apart, and not lost
    ]
    assert found.skipped == (
        Skipped(what="card terminal (transaction types 18–21)", transactions=1, amount=Money(102000)),
    )
