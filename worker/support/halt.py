"""Told to stop: loops over outside calls look here before they take on the next piece of work."""

from __future__ import annotations


class Halt:
    """A flag that only goes up."""

    def __init__(self) -> None:
        self._called = False

    def call(self) -> None:
        """No new work from now on."""
        self._called = True

    @property
    def called(self) -> bool:
        return self._called
