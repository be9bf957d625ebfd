"""A real browser before the real portal, each started once a module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.database import prepared
from tests.support.portal import NOW, PortalHouse, Sent
from tests.support.serving import listening, serving
from worker.adapters.document_store import FolderDocumentStore
from worker.store.database import Database
from worker.support.clock import TurnedClock

NO_BROWSER = "NO BROWSER: chromium is not on the PATH"
SELLER = "Tromsø Elektro & Bad AS"
CONTACT = "kundeservice@nordfaktor.example, tlf. 22 00 00 00"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n%%EOF"


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal on a real socket, and every kind of link in it."""

    base: str
    house: PortalHouse

    def send(self, number: str, **given: object) -> Sent:
        return self.house.send(number=number, seller=SELLER, pdf=PDF, **given)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("portal")
    db = Database(f"sqlite:///{folder / 'worker.db'}")
    prepared(db)
    house = PortalHouse(db, FolderDocumentStore(folder / "documents"), folder / "documents", TurnedClock(NOW))
    with listening() as (door, base), serving(house.app(public_url=base, contact=CONTACT), door):
        yield Portal(base, house)
    db.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip(NO_BROWSER)
    # As root in a container there is no sandbox to be had; the pages are our own.
    arguments = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()
