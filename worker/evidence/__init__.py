"""Everything known about one invoice as a zip, for a dispute: documents, story, receipts, and what they prove."""

from worker.evidence.collecting import Evidence, collect

__all__ = ["Evidence", "collect"]
