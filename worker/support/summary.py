"""What a step did, in counts. Every step's `run` returns one; the run's summary line is their sum."""

from __future__ import annotations

from collections import Counter


class Summary(Counter[str]):
    """Counts by word, e.g. `{"fetched": 12, "parked": 1}`. Words are log-safe."""

    def count(self, word: str, by: int = 1) -> None:
        self[word] += by

    @property
    def troubled(self) -> bool:
        """True when something outside kept the step from doing all its work."""
        return self["trouble"] > 0
