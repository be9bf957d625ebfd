"""For whoever watches the worker: is it alive, is it ready, what are its numbers, and a sign of life after each job."""

from worker.ops.app import create_ops_app
from worker.ops.desk import Desk
from worker.ops.figures import Clients, StoreFigures
from worker.ops.health import Readiness, Vitals
from worker.ops.pages import ops_pages
from worker.ops.pings import Pings, build_pings

__all__ = [
    "Clients",
    "Desk",
    "Pings",
    "Readiness",
    "StoreFigures",
    "Vitals",
    "build_pings",
    "create_ops_app",
    "ops_pages",
]
