"""The door for people and programs that watch: never the public one, off unless OPS_PORT is set."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from worker.ops.figures import StoreFigures
from worker.ops.health import Readiness, Vitals
from worker.support import metrics


def create_ops_app(
    *, vitals: Vitals, readiness: Readiness, figures: StoreFigures, more: Sequence[BaseRoute] = ()
) -> Starlette:
    """`/healthz`, `/readyz` (each says what is wrong, in closed words), `/metrics`, and whatever else is hung here."""
    store = CollectorRegistry(auto_describe=False)
    store.register(figures)

    async def healthz(_: Request) -> Response:  # on the loop: an answer from a thread would prove nothing of it
        return _answer([f"{name} has ended" for name in vitals.dead()])

    async def readyz(_: Request) -> Response:
        return _answer(await readiness.faults())

    async def numbers(_: Request) -> Response:
        text = await run_in_threadpool(lambda: generate_latest(metrics.REGISTRY) + generate_latest(store))
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    return Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", numbers, methods=["GET"]),
            *more,
        ]
    )


def _answer(faults: list[str]) -> Response:
    return PlainTextResponse("\n".join(faults) or "ok", status_code=503 if faults else 200)
