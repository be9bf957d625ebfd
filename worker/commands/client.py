"""`client`: a new client's file, who is there, and a pause for one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from worker import tables
from worker.clients import load_all_clients, why_unusable
from worker.commands.common import (
    DEFAULT,
    By,
    Json,
    Settings,
    fail,
    open_database,
    the_clock,
    who_asks,
    worker_settings,
)
from worker.doctor.clients import meet
from worker.model.kid import KidError, KidLayout
from worker.settings import ClientFile, WorkerSettings, is_client_name, load_clients, shared_values
from worker.settings.new_client import explained, faults, is_secret, made, write
from worker.store import pauses, reading
from worker.store.database import Database, SchemaError, require_head
from worker.support import log
from worker.support.env_file import SettingsError
from worker.support.log import get_logger
from worker.support.wording import account
from worker.wiring import kid_use

client_app = typer.Typer(help="New clients, who is there, and a pause.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The client: the name of its env file.")]
_ACCOUNTS = (
    "ACCOUNT_CLEARING", "ACCOUNT_ADMINISTRATIVE_FEES", "ACCOUNT_FINANCIAL_FEES", "ACCOUNT_BANK", "ACCOUNT_BALANCE",
    "ACCOUNT_INTEREST_INCOME", "ACCOUNT_LOSSES",
)  # fmt: skip
# What is asked for on a terminal, in this order, and when. Everything else has a default that fits most.
_ASKED: tuple[tuple[str, Callable[[WorkerSettings, Mapping[str, str]], bool]], ...] = (
    ("CLIENT_NAME", lambda _, __: True),
    ("ORGANISATION_NUMBER", lambda _, __: True),
    ("POWEROFFICE_CLIENT_KEY", lambda _, __: True),
    ("FACTOR_ACCOUNT", lambda _, __: True),
    ("KID_LAYOUT", lambda _, __: True),
    ("KID_ALGORITHM", lambda _, __: True),
    ("KID_CLIENT_NUMBER", lambda _, given: "client:" in given["KID_LAYOUT"]),
    ("NOTICE_FAMILY", lambda _, __: True),
    ("EMAIL_CHANNEL", lambda _, __: True),
    ("REPLY_TO", lambda _, __: True),
    ("ACCESS_POINT_TENANT", lambda house, _: house.access_point in ("maventa", "storecove")),
    ("EFAKTURA", lambda house, _: house.efaktura_channel != "off"),
    ("EFAKTURA_TENANT", lambda _, given: given.get("EFAKTURA") == "on" and not given.get("ACCESS_POINT_TENANT")),
    ("RETURN_DATA", lambda _, __: True),
    *((key, lambda _, given: given.get("RETURN_DATA") == "on") for key in ("VOUCHERS", *_ACCOUNTS)),
    ("REPORT_TO", lambda _, __: True),
)  # fmt: skip
# What a blank answer means, where that is not the key's own default.
_WHEN_BLANK: dict[str, Callable[[WorkerSettings], str]] = {
    "FACTOR_ACCOUNT": lambda house: f"the factor's: {account(house.factor_account)}",
    "REPLY_TO": lambda house: f"SMTP_FROM: {house.smtp_from}",
    "REPORT_TO": lambda _: "nobody",
}
_LAST_OF_KID = "KID_CLIENT_NUMBER"


@client_app.command("new")
def new(
    name: Name,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="KEY=VALUE for the file; repeatable. A secret: KEY_FILE=PATH. Then nothing is asked."
        ),
    ] = None,
    settings: Settings = DEFAULT,
) -> None:
    """Write a client's file: by asking on the terminal, or from options. It is never overwritten."""
    loaded = worker_settings(settings)
    folder = loaded.clients_folder or settings.parent / "clients"
    path = folder / f"{name}.env"
    if not is_client_name(name):
        fail("a client is named with small letters, digits, - and _ only: it stands in logs, folders and commands", 2)
    if path.exists():
        fail(f"{path} is there already and is left as it is", 1)
    if _known(loaded, name):
        fail(f"the store has invoices of a client {name}: put its file back, or take another name", 1)
    others = load_clients(folder)[0] if folder.is_dir() else []
    answers = _from_options(given) if given else _asked(loaded, others)
    told = faults(answers)
    if told:
        _refuse(told)
    client = made(name, answers)
    told = _beside(loaded, client, others)
    if told:
        _refuse(told)
    try:
        write(path, answers)
    except SettingsError as error:
        _refuse(error.faults)
    except FileExistsError:
        fail(f"{path} is there already and is left as it is", 1)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", 1)
    typer.echo(f"{path} written, readable by its owner alone")
    own = client.settings
    typer.echo(_kid_words(own.kid_layout, own.kid_algorithm, own.kid_client_number))
    if not own.report_to:
        typer.echo("nobody gets the client's daily report: write who is to hear what to mend into REPORT_TO")
    typer.echo(f"next: factoring-worker doctor --client {name}")


def _refuse(told: list[str]) -> NoReturn:
    for fault in told:
        typer.echo(fault, err=True)
    fail("nothing was written; every key is explained in docs/settings.md", 2)


def _known(settings: WorkerSettings, name: str) -> bool:
    """Whether the store has had a client of this name. A database that is not made yet has had none."""
    db = Database(settings.database_url)
    with contextlib.closing(db), contextlib.suppress(SchemaError):
        require_head(db)
        return name in reading.clients_known(db)
    return False


def _from_options(given: list[str]) -> dict[str, str]:
    answers: dict[str, str] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals:
            fail(f"--set wants KEY=VALUE, not {key}", 2)
        if is_secret(key):
            fail(f"{key} would stay in the shell's history: lay it in a file and say --set {key}_FILE=PATH", 2)
        answers[key] = value.strip()
    return answers


def _beside(settings: WorkerSettings, client: ClientFile, others: list[ClientFile]) -> list[str]:
    """What is wrong with the client beside worker.env and the other clients."""
    why = why_unusable(settings, client)
    told = [why] if why else []
    for key, twins in shared_values([*others, client]):
        told += [f"{key} is the same as in {twin.name}.env" for twin in twins if client in twins and twin is not client]
    ours = kid_use(settings, client)
    met = [other.name for other in others if meet(ours, kid_use(settings, other))]
    told += [f"KID_LAYOUT: KIDs may be the same as {name}'s, on the same account" for name in met]
    return told


# --- asking ---------------------------------------------------------------------------------------


def _asked(settings: WorkerSettings, others: list[ClientFile]) -> dict[str, str]:
    """Every answer is looked at before the next question."""
    answers: dict[str, str] = {}
    known = explained()
    typer.echo("Enter takes what stands in brackets. Everything can be changed in the file later.\n")
    place = 0
    while place < len(_ASKED):
        key, wanted = _ASKED[place]
        if wanted(settings, answers):
            blank = _WHEN_BLANK[key](settings) if key in _WHEN_BLANK else ""
            _ask(key, known[key], answers, others, blank=blank)
        if key == _LAST_OF_KID and not _kid_agreed(answers):
            place = [asked for asked, _ in _ASKED].index("KID_LAYOUT")
            continue
        place += 1
    return {key: value for key, value in answers.items() if value}


def _ask(
    key: str, known: tuple[str, str], answers: dict[str, str], others: list[ClientFile], *, blank: str = ""
) -> None:
    """`blank`: what an empty answer means."""
    words, usual = known
    typer.secho(words, dim=True)
    if is_secret(key):
        _ask_secret(key, answers)
        return

    def judged(value: str) -> str:
        told = faults({**answers, key: value.strip()}, of=key)
        if key == "ORGANISATION_NUMBER" and not told:
            bare = "".join(value.split())
            told = [f"{key} is {one.name}'s" for one in others if one.settings.organisation_number == bare]
        if told:
            raise typer.BadParameter("; ".join(told))
        return value.strip()

    required = key in ("CLIENT_NAME", "ORGANISATION_NUMBER", "KID_LAYOUT", _LAST_OF_KID) or key in _ACCOUNTS
    suggested = answers.get(key) or usual
    default = suggested if suggested or not required else None
    asked = f"{key} [{blank}]" if blank and not suggested else key
    value: str = typer.prompt(asked, default=default, value_proc=judged, show_default=bool(suggested))
    # What is usual stays in comments, so that a later version's better default counts.
    answers[key] = value if value != usual or required else ""


def _ask_secret(key: str, answers: dict[str, str]) -> None:
    """Typed unseen, or the name of a file that holds it."""

    def readable(value: str) -> str:
        told = faults({**answers, f"{key}_FILE": value.strip()}, of=key)
        if told:
            raise typer.BadParameter("; ".join(told))
        return value.strip()

    typed: str = typer.prompt(
        f"{key} (not shown; Enter to name a file instead)", default="", hide_input=True, show_default=False
    )
    if typed.strip():
        answers[key] = typed.strip()
    else:
        answers[f"{key}_FILE"] = typer.prompt(f"{key}_FILE", value_proc=readable)


def _kid_agreed(answers: Mapping[str, str]) -> bool:
    algorithm = answers.get("KID_ALGORITHM") or "MOD10"
    typer.echo(_kid_words(answers["KID_LAYOUT"], algorithm, answers.get(_LAST_OF_KID, "")))
    return typer.confirm("Is that the layout agreed with the bank?", default=True)


def _kid_words(layout: str, algorithm: str, client: str) -> str:
    parsed = KidLayout.parse(layout, algorithm=algorithm)
    try:
        made = parsed.example(client=client)
    except KidError as error:
        return f"no KID can be made: {error}"
    return f"KIDs look like {made}: {parsed.length} digits, the last one {algorithm}"


# --- who is there, and a pause --------------------------------------------------------------------


@client_app.command("list")
def list_clients(json: Json = False, settings: Settings = DEFAULT) -> None:
    """Every client: in work, paused, or with a file that cannot be used."""
    loaded = worker_settings(settings)
    clients, bad = load_all_clients(loaded)
    db = open_database(loaded)
    paused = pauses.paused(db)
    db.close()
    broken: dict[str, list[str]] = {}
    for error in bad:
        broken.setdefault(error.file.removesuffix(".env"), []).extend(error.faults)
    names = sorted({client.name for client in clients} | set(broken) | set(paused))
    if json:
        rows = [{"client": name, "broken": broken.get(name, []), "paused": paused.get(name)} for name in names]
        typer.echo(tables.as_json(rows))
    else:
        tables.terminal().print(_listed({client.name: client for client in clients}, broken, paused, names))


def _listed(
    clients: Mapping[str, ClientFile],
    broken: Mapping[str, list[str]],
    paused: Mapping[str, pauses.Pause],
    names: list[str],
) -> RenderableType:
    if not names:
        return Text("no clients: factoring-worker client new NAME")
    table = tables.Listing("", "client", "name", "organisation number", "state", wants=100, lines=False)
    for name in names:
        own = clients[name].settings if name in clients else None
        if name in broken:
            state = Text("cannot be used: " + "; ".join(broken[name]), "red")
        elif own is None:
            state = Text("its file is gone", "dim")
        else:
            state = Text("in work")
        rest = Text(tables.paused_words(paused[name]), "yellow") if name in paused else None
        table.add_row(
            name, Text(own.client_name if own else ""), Text(own.organisation_number if own else ""),
            Group(state, rest) if rest and name in broken else rest or state,
        )  # fmt: skip
    return table


@client_app.command("pause")
def pause(
    name: Name,
    note: Annotated[str, typer.Option("--note", help="Why, for whoever wonders later.")],
    by: By = "",
    settings: Settings = DEFAULT,
) -> None:
    """Fetch and send nothing new for a client until it is resumed. Links stay open, receipts are still collected."""
    loaded = worker_settings(settings)
    why = " ".join(note.split())
    if not why:
        fail("say why with --note: somebody will wonder", 2)
    who = who_asks(by)
    if not (_folder(loaded) / f"{name}.env").is_file():
        fail(f"no such client: {_folder(loaded) / name}.env is not there", 2)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    db = open_database(loaded)
    with contextlib.closing(db):
        if not pauses.pause(db, client=name, by=who, note=why, now=the_clock().now()):
            fail(f"{name} is {tables.paused_words(pauses.paused(db)[name])}", 1)
    get_logger().warning("client.paused", client=name, by=who)
    typer.echo(f"{name} is paused: a run in hand is finished, no new one is begun")


@client_app.command("resume")
def resume(name: Name, by: By = "", settings: Settings = DEFAULT) -> None:
    """Let a paused client go on at the next slot, within ten minutes in working hours."""
    loaded = worker_settings(settings)
    who = who_asks(by)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    db = open_database(loaded)
    with contextlib.closing(db):
        if not pauses.resume(db, client=name, by=who, now=the_clock().now()):
            fail(f"{name} is not paused", 1)
    get_logger().info("client.resumed", client=name, by=who)
    typer.echo(f"{name} goes on at the next slot")


def _folder(settings: WorkerSettings) -> Path:
    return settings.clients_folder or Path()


def without_paused(settings: WorkerSettings, clients: list[ClientFile]) -> list[ClientFile]:
    """Those a job may be run for; says whom it leaves out. Ends with code 1 when nobody is left."""
    db = open_database(settings)
    with contextlib.closing(db):
        paused = pauses.paused(db)
    for client in clients:
        if client.name in paused:
            typer.echo(f"{client.name} is {tables.paused_words(paused[client.name])}: left out", err=True)
    left = [client for client in clients if client.name not in paused]
    return left or fail("every client asked for is paused: factoring-worker client resume", 1)
