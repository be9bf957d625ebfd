"""What the official rules say of a document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# Not a rule of anybody's: the engine could not carry the rules through on this document, so nobody knows. Never a pass.
GAVE_UP: Final = "RULES-GAVE-UP"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One published version of a set of rules, e.g. `peppol-bis-billing` `2026.5`."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule the document breaks.

    `location`: path of element names and positions, never values. `text`: the rule's own words, at most 300 signs; a
    few rules quote the document in theirs, so it is shown to people but never logged (and left out of `repr`).
    """

    rule_id: str
    fatal: bool
    location: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sets`: the rules that were used, none when there are none to use. `left_off`: findings beyond those kept; the
    fatal ones are kept first."""

    sets: tuple[RuleSet, ...]
    findings: tuple[Finding, ...]
    left_off: int = 0

    @property
    def fatal(self) -> tuple[Finding, ...]:
        """What forbids sending the document; empty when it may be sent."""
        return tuple(finding for finding in self.findings if finding.fatal)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.fatal)

    @property
    def fatal_ids(self) -> tuple[str, ...]:
        """The ids of the fatal rules, each once: what may be logged and stands in the worklist."""
        return tuple(dict.fromkeys(finding.rule_id for finding in self.fatal))

    @property
    def gave_up(self) -> bool:
        """The rules could not be carried through: a matter for whoever runs the worker, not for the client."""
        return GAVE_UP in self.fatal_ids
