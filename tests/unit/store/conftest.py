"""The store's two databases: a SQLite file, and a real PostgreSQL server from a wheel.

Each is made and migrated once a session (once an xdist worker); tests keep apart by using a client of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.support.databases import Servers
from tests.unit.store.stocked import Stock
from worker.store.database import Database

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("sqlite"))
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every test of the store runs on both."""
    return request.param


@pytest.fixture
def new_url(servers: Servers, kind: str) -> Callable[[], str]:
    """Makes the URL of a database with nothing in it."""
    return lambda: servers.new_url(kind)


@pytest.fixture
def db(servers: Servers, kind: str) -> Database:
    """One worker's door to the shared database."""
    return servers.doors(kind)[0]


@pytest.fixture
def other_db(servers: Servers, kind: str) -> Database:
    """Another worker's door to the same database."""
    return servers.doors(kind)[1]


@pytest.fixture
def stock(db: Database) -> Stock:
    """A client nobody else has, with no invoices yet."""
    return Stock(db, f"client{next(_numbers)}")
