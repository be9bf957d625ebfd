"""What a step did, in counts. Every step's `run` returns one; the run's summary line is their sum.

`trouble`: something outside kept the step from doing all its work, so the run is worth another try. `trouble_aside`:
something a person has to see to, which another try would only meet again.
"""

from __future__ import annotations

from collections import Counter


class Summary(Counter[str]):
    """Counts by word, e.g. `{"fetched": 12, "parked": 1}`. Words are log-safe."""

    def count(self, word: str, by: int = 1) -> None:
        self[word] += by

    def set_trouble_aside(self) -> None:
        """What troubled the step is counted, and kept nothing from its purpose."""
        if self.troubled:
            self["trouble_aside"] += self.pop("trouble")

    @property
    def troubled(self) -> bool:
        """True when another try is worth while."""
        return self["trouble"] > 0
