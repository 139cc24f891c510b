"""The parts of a run, and its outcome."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from scoring.models.model import Model
from scoring.work.fingerprint import Fingerprint
from scoring.work.input import Input
from scoring.work.job import Counts
from scoring.work.plan import Plan


class Progress(Protocol):
    """Shows how many places (cells or stations) have been scored."""

    def begin(self, total: int, done: int) -> None:
        """Start at ``done`` of ``total`` places."""

    def update(self, places: int) -> None:
        """Add a number of ``places``."""


@dataclass(frozen=True)
class Run:
    """Everything that one run needs.

    Attributes:
        input: the grid or table to score.
        output: the file or store to write.
        model: the networks.
        plan: identity of the run.
        fingerprint: state of the input.
        begun: when the command started, from ``time.perf_counter``.
    """

    input: Input[Any]
    output: Path
    model: Model
    plan: Plan
    fingerprint: Fingerprint
    begun: float


@dataclass
class Result:
    """The outcome of a run.

    Attributes:
        counts: counts over all places.
        chunks: total number of chunks.
        skipped: chunks that an earlier command had finished.
        notes: what was assumed or skipped while reading.
        scored: places that this command scored.
        failed: reasons by chunk.
        seconds: duration of the command.
        parts: seconds of reading the input, scoring and writing the output.
    """

    counts: Counts
    chunks: int
    skipped: int
    notes: tuple[str, ...]
    scored: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    def version(self, plan: Plan) -> str:
        """Return the version of the release that was used; of several, each with its name."""
        return ", ".join(sorted(self.counts.releases)) or plan.version
