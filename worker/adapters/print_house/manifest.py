"""The manifests that follow letters (docs/print-manifest.md). Pure.

Norwegian print houses share no standard, so they are neutral and say what each of them asks for in its own way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, cast

import orjson

from worker.model.outcomes import Refused
from worker.ports import PrintJob

JOB_SCHEMA = "factoring-worker/print-job"
BATCH_SCHEMA = "factoring-worker/print-batch"
SCHEMA_VERSION = 2

_JOB_ID = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}")
# What makes a letter this letter. How it is posted and when its manifest was written may have changed since by
# settings or an upgrade, and what lies at the print house is the letter all the same.
_IDENTITY = ("job_id", "client", "invoice_number", "file", "sha256", "size", "pages", "address_lines")

Manifest = dict[str, Any]


def check(job: PrintJob) -> None:
    """Raises Refused for a job no print house can post: the field at fault is named, its value is not."""
    if not _JOB_ID.fullmatch(job.job_id):
        raise Refused("letter: job_id is not safe in a file name")
    if job.batch_id and not _JOB_ID.fullmatch(job.batch_id):
        raise Refused("letter: batch_id is not safe in a file name")
    if not job.pdf.startswith(b"%PDF-"):
        raise Refused("letter: pdf is not a PDF")
    if job.pages < 1:
        raise Refused("letter: pages is less than 1")
    if not any(line.strip() for line in job.address_lines):
        raise Refused("letter: address_lines is empty")


def job_manifest(job: PrintJob) -> bytes:
    """The manifest of a letter that goes by itself, JSON in UTF-8."""
    return _json({"schema": JOB_SCHEMA, "schema_version": SCHEMA_VERSION, **_letter(job)})


def batch_manifest(jobs: Sequence[PrintJob]) -> bytes:
    """The one manifest of a batch: every letter in it. `jobs` have one `batch_id` and client."""
    first = jobs[0]
    return _json(
        {
            "schema": BATCH_SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "batch_id": first.batch_id,
            "client": first.client,
            "count": len(jobs),
            "created_at": max(job.created_at for job in jobs).isoformat(timespec="seconds"),
            "jobs": [_letter(job) for job in jobs],
        }
    )


def read(content: bytes) -> Manifest | None:
    """A manifest that lies at the print house; None for what is none of ours, of any version."""
    try:
        document = cast("object", orjson.loads(content))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or document.get("schema") not in (JOB_SCHEMA, BATCH_SCHEMA):
        return None
    return cast("Manifest", document)


def is_letter(entry: Manifest | None, job: PrintJob) -> bool:
    """Whether the manifest, or the batch's entry, is of this very letter."""
    if entry is None:
        return False
    ours = _letter(job)
    return all(entry.get(field) == ours[field] for field in _IDENTITY)


def entry_of(batch: Manifest | None, job: PrintJob) -> Manifest | None:
    """The job's entry in a batch's manifest; None when the batch went without it."""
    jobs = batch.get("jobs") if batch is not None and batch.get("schema") == BATCH_SCHEMA else None
    for entry in cast("list[object]", jobs) if isinstance(jobs, list) else []:
        if isinstance(entry, dict) and cast("Manifest", entry).get("job_id") == job.job_id:
            return cast("Manifest", entry)
    return None


def _letter(job: PrintJob) -> Manifest:
    return {
        "job_id": job.job_id,
        "client": job.client,
        "invoice_number": job.invoice_number,
        "file": f"{job.job_id}.pdf",
        "sha256": hashlib.sha256(job.pdf).hexdigest(),
        "size": len(job.pdf),
        "pages": job.pages,
        "address_lines": list(job.address_lines),
        "return_address": job.return_address,
        "colour": job.colour,
        "duplex": job.duplex,
        "post_class": str(job.post_class),
        "return_handling": str(job.return_handling),
        "created_at": job.created_at.isoformat(timespec="seconds"),
    }


def _json(document: Manifest) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
