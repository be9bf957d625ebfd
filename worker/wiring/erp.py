"""The client's ERP and books."""

from __future__ import annotations

from worker.adapters.poweroffice_go import PowerOfficeGo
from worker.adapters.poweroffice_go.vouchers import PowerOfficeGoVouchers
from worker.adapters.poweroffice_go_v2 import PowerOfficeGoV2Vouchers
from worker.ports import Erp, VoucherBook
from worker.settings import ClientFile, WorkerSettings
from worker.settlement.making import BookingPlan
from worker.settlement.rules import Role
from worker.support.http import HttpClient
from worker.wiring.house import House


def build_erp(house: House, client: ClientFile) -> Erp:
    """The client's ERP."""
    settings = house.settings
    return PowerOfficeGo(
        http=HttpClient(who="poweroffice_go"),
        base_url=settings.poweroffice_url,
        application_key=settings.poweroffice_application_key.get_secret_value(),
        client_key=client.settings.poweroffice_client_key.get_secret_value(),
        replica_lag_seconds=settings.poweroffice_replica_lag_seconds,
        pacer=house.pacer.line(client.name),
    )


def build_vouchers(house: House, client: ClientFile) -> VoucherBook:
    """The client's books."""
    settings = house.settings
    application_key = settings.poweroffice_application_key.get_secret_value()
    client_key = client.settings.poweroffice_client_key.get_secret_value()
    lag = settings.poweroffice_replica_lag_seconds
    if client.settings.vouchers == "v2":
        return PowerOfficeGoV2Vouchers(
            http=HttpClient(who="poweroffice_go_v2"),
            base_url=settings.poweroffice_v2_url,
            application_key=application_key,
            client_key=client_key,
            subscription_key=settings.poweroffice_subscription_key.get_secret_value(),
            replica_lag_seconds=lag,
            pacer=house.pacer_v2.line(client.name),
        )
    return PowerOfficeGoVouchers(
        http=HttpClient(who="poweroffice_go"),
        base_url=settings.poweroffice_url,
        application_key=application_key,
        client_key=client_key,
        replica_lag_seconds=lag,
        pacer=house.pacer.line(client.name),
    )


def booking_plan(settings: WorkerSettings, client: ClientFile) -> BookingPlan | None:
    """How the client's events become vouchers; None when return data is off. Raises ValueError for what it lacks."""
    own = client.settings
    if own.return_data == "off":
        return None
    if own.vouchers == "v2" and not (
        settings.poweroffice_v2_url and settings.poweroffice_subscription_key.get_secret_value()
    ):
        raise ValueError("VOUCHERS=v2 needs POWEROFFICE_V2_URL and POWEROFFICE_SUBSCRIPTION_KEY in worker.env")
    return BookingPlan(
        accounts={Role(role): account for role, account in own.accounts.items() if account is not None},
        prefix=own.voucher_prefix,
        by_day=own.vouchers_by_day,
    )
