"""The clients as their env files stand now: those that can be run, and those that cannot, with why."""

from __future__ import annotations

from worker.settings import ClientFile, SettingsError, WorkerSettings, load_clients
from worker.support.log import get_logger
from worker.wiring import booking_plan, check_efaktura, check_tenant, stamping_config


def load_all_clients(settings: WorkerSettings) -> tuple[list[ClientFile], list[SettingsError]]:
    """Every client that can be run, and the files that cannot, each with all its faults.

    A file that reads well but whose notice or logo cannot be used is among the broken ones.
    """
    folder = settings.clients_folder
    if folder is None:
        raise SettingsError("worker.env", ["CLIENTS_FOLDER is missing"])
    good, bad = load_clients(folder)
    usable: list[ClientFile] = []
    for client in good:
        what = why_unusable(settings, client)
        if what:
            bad.append(SettingsError(f"{client.name}.env", [what]))
        else:
            usable.append(client)
    return usable, bad


def why_unusable(settings: WorkerSettings, client: ClientFile) -> str:
    """What is wrong with a file that reads well, beside this worker.env; empty when nothing is."""
    try:
        stamping_config(settings, client)
        booking_plan(settings, client)
        check_tenant(settings, client)
        check_efaktura(settings, client)
    except (ValueError, OSError) as error:
        return str(error) if isinstance(error, ValueError) else "LOGO_FILE cannot be read"
    return ""


def log_broken(bad: list[SettingsError]) -> None:
    """One line a broken file, with every fault; values are never in them."""
    for error in bad:
        get_logger().error("client.settings_broken", file=error.file, fault=error.faults)
