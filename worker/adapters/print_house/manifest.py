"""The manifest that follows each letter (docs/print-manifest.md). Pure.

Norwegian print houses share no standard, so it is neutral and says what each of them asks for in its own way.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from worker.model.outcomes import Refused
from worker.ports import PrintJob
from worker.support import files

SCHEMA = "factoring-worker/print-job"
SCHEMA_VERSION = 1
FETCHED = "fetched"  # the folder the print house moves finished pairs to

_JOB_ID = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}")


class PostClass(StrEnum):
    """How fast the letter goes."""

    ECONOMY = "economy"
    PRIORITY = "priority"


class ReturnHandling(StrEnum):
    """What the print house does with a letter that cannot be delivered."""

    RETURN = "return_to_sender"
    SHRED = "shred"


@dataclass(frozen=True, slots=True)
class LetterTerms:
    """What is agreed with the print house for every letter."""

    post_class: PostClass = PostClass.ECONOMY
    return_handling: ReturnHandling = ReturnHandling.RETURN


def check(job: PrintJob) -> None:
    """Raises Refused for a job no print house can post: the field at fault is named, its value is not."""
    if not _JOB_ID.fullmatch(job.job_id):
        raise Refused("letter: job_id is not safe in a file name")
    if not job.pdf.startswith(b"%PDF-"):
        raise Refused("letter: pdf is not a PDF")
    if job.pages < 1:
        raise Refused("letter: pages is less than 1")
    if not any(line.strip() for line in job.address_lines):
        raise Refused("letter: address_lines is empty")


def manifest(job: PrintJob, terms: LetterTerms) -> bytes:
    """The job's manifest, JSON in UTF-8."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
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
        "post_class": terms.post_class.value,
        "return_handling": terms.return_handling.value,
        "created_at": job.created_at.isoformat(timespec="seconds"),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def same_job(there: bytes, ours: bytes) -> bool:
    """Whether two manifests describe the same letter; the moment of writing does not matter."""
    return files.same_json(there, ours, apart_from="created_at")
