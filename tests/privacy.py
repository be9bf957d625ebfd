"""Whether a log tells anything about anybody: `python -m tests.privacy demo-out` after `factoring-worker demo`.

Everything that must not stand in a log is collected from where it is known: the ERP's customer cards, the store, the
e-mails that were sent, the settings. Then every line is searched for each of them, in any of the ways it is written.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from worker.settings import ClientSettings, WorkerSettings
from worker.settings.values import iban_of
from worker.support.env_file import EnvFileSettings, is_key_of, keys_of

# Parts of names that are words of their own as well; the whole name is looked for all the same.
_ORDINARY = {"Per", "Word", "Brev", "Html", "Nei", "And", "Drift", "Oslo", "Bergen"}
_TIMES = {"timestamp", "slot", "due_at", "now", "window_end", "sha256"}  # digits and nothing else
_PERSONAL_FACTS = ("kid", "account", "payer_name", "payer_account", "archive_reference", "text")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that must not be found. `kind` says what it is, for a report that must not tell it again."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Search:
    """`hits`: (line number, event, kind of thing)."""

    lines: int
    things: int
    kinds: Mapping[str, int]
    hits: list[tuple[int, str, str]]


def search(lines: Iterable[str], things: set[Thing]) -> Search:
    """Looks for every thing in every line, values of times and hashes left out."""
    found: list[tuple[int, str, str]] = []
    wanted = [(thing, thing.value.casefold()) for thing in things]
    number = 0
    for number, line in enumerate(lines, 1):
        told = json.loads(line)
        text = json.dumps({key: value for key, value in told.items() if key not in _TIMES}, ensure_ascii=False)
        folded = text.casefold()
        for thing, value in wanted:
            if value in folded and _pattern(thing).search(text):
                found.append((number, str(told.get("event")), thing.kind))
    return Search(number, len(things), Counter(thing.kind for thing in things), found)


def _pattern(thing: Thing) -> re.Pattern[str]:
    """Not within a longer word or number. Part of a name only as names are written: `per` is a word."""
    whole = re.escape(thing.value)
    if thing.kind == "part of a name":
        return re.compile(rf"(?<!\w){whole}(?!\w)")
    return re.compile(rf"(?<![^\W_]){whole}(?![^\W_])", re.IGNORECASE)


def collect(
    *, world: Mapping[str, Any], database: Path, mails: Path, config: Path, keys: Path | None = None
) -> set[Thing]:
    """`world`: the sandbox's state, as in its world.json; `mails`: folder with .eml files; `config`: of worker.env."""
    found = {
        *_of_world(world),
        *_of_database(database),
        *_of_mails(mails),
        *_of_settings(config),
    }
    for path in keys.iterdir() if keys is not None else ():
        found |= {Thing("private key", line) for line in path.read_text().splitlines() if len(line) == 70}
    return {thing for thing in found if len(thing.value) >= 3}


def _of_world(state: Mapping[str, Any]) -> Iterator[Thing]:
    for name in ("application_key", "access_point_token", "subscription_key"):
        yield Thing("key", state[name])
    for name in ("user_key", "vendor_key"):
        yield Thing("key", state["maventa"][name])
    for one in state["maventa"]["efaktura"]:
        yield from _number("KID", one["kid"])
        yield Thing("eFaktura reference", one["efaktura_id"])
    for client in state["clients"]:
        yield Thing("key", client["client_key"])
        for card in client["customers"]:
            yield from _card(card, lines=[card["address1"], card["address2"], f"{card['zip']} {card['city']}"])


def _card(card: Mapping[str, Any], *, lines: Iterable[str]) -> Iterator[Thing]:
    names = [card["name"], f"{card['first_name']} {card['last_name']}".strip()]
    for name in filter(None, names):
        yield Thing("name", name)
        for part in re.findall(r"[^\W\d_]{3,}", name):
            # A word of a firm's name may be anybody's; a person's is not.
            if part not in _ORDINARY and (card["is_person"] or len(part) > 5):
                yield Thing("part of a name", part)
    for line in lines:
        if len(line) > 5:
            yield Thing("address", line)
    for address in (card["email"], card["invoice_email"]):
        for one in filter(None, re.split(r"[;,\s]+", address or "")):
            yield Thing("e-mail", one)
            if re.search(r"[.+]", one.partition("@")[0]):
                yield Thing("e-mail", one.partition("@")[0])
    yield from _number("phone", card["phone"])
    yield from _number("organisation number", card["organisation_number"])


def _number(kind: str, value: object) -> Iterator[Thing]:
    """As written, without blanks and dots, and the ways people group it."""
    text = str(value or "").strip()
    bare = re.sub(r"[\s.]", "", text)
    if len(bare) < 6:
        return
    yield Thing(kind, text)
    yield Thing(kind, bare)
    yield Thing(kind, bare.removeprefix("+47"))
    if kind == "account" and re.fullmatch(r"\d{11}", bare):
        yield Thing(kind, f"{bare[:4]}.{bare[4:6]}.{bare[6:]}")
        yield Thing(kind, f"{bare[:4]} {bare[4:6]} {bare[6:]}")
        yield Thing(kind, iban_of(bare))


def _of_database(path: Path) -> Iterator[Thing]:
    if not path.exists():  # another database than SQLite
        return
    db = sqlite3.connect(path)
    try:
        for account, kid, debtor in db.execute("SELECT account, kid, debtor FROM invoices"):
            yield from _number("account", account)
            yield from _number("KID", kid)
            card = json.loads(debtor) if debtor else None
            if card:
                at = card["address"]
                yield from _card(card, lines=[at["line1"], at["line2"], f"{at['postal_code']} {at['city']}"])
        for channel, address in db.execute("SELECT channel, address FROM deliveries"):
            for line in filter(None, re.split(r"[;\n]", address)):
                if channel != "letter" or len(line) > 5:
                    yield Thing("address of a delivery", line.strip())
        for (facts,) in db.execute("SELECT facts FROM settlement_items"):
            for name, value in json.loads(facts).items():
                if name in _PERSONAL_FACTS and isinstance(value, str) and len(value) > 5:
                    yield from _number("account" if "account" in name else name, value)
    finally:
        db.close()


def _of_mails(folder: Path) -> Iterator[Thing]:
    for path in folder.glob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        text = str(body.get_content()) if body is not None else ""
        for link in re.findall(r"https?://\S+?/i/([A-Za-z0-9_-]+)", text):
            yield Thing("token", link)
        for code in re.findall(r"(?<!\d)\d{6}(?!\d)", re.sub(r"https?://\S+", "", text)):
            yield Thing("code", code)
        for header in ("To", "Subject"):
            yield Thing("mail header", str(message[header] or ""))


def _of_settings(folder: Path) -> Iterator[Thing]:
    for path in folder.rglob("*.env"):
        kind: type[EnvFileSettings] = WorkerSettings if path.name == "worker.env" else ClientSettings
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
        for key in keys_of(kind):
            value = values.get(key) or ""
            if is_key_of(kind, f"{key}_FILE") and value and not value.startswith("sqlite:"):
                yield Thing("key", value)
            if key.endswith("_ACCOUNT"):
                yield from _number("account", value)


def _report(folder: Path) -> int:
    things = collect(
        world=json.loads((folder / "sandbox" / "world.json").read_text(encoding="utf-8")),
        database=folder / "var" / "worker.db",
        mails=folder / "mail",
        config=folder / "config",
        keys=folder / "keys",
    )
    found = search((folder / "worker.log.jsonl").read_text(encoding="utf-8").splitlines(), things)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(found.kinds.items()))
    print(f"{len(found.hits)} hits over {found.lines} lines; looked for {found.things} things: {kinds}")  # noqa: T201
    for number, event, kind in found.hits:
        print(f"  line {number}, {event}: {kind}")  # noqa: T201
    return 1 if found.hits or not found.lines else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="What the demo left.")
    sys.exit(_report(parser.parse_args().folder))
