"""A run from its input to its output; finished chunks are never scored again."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from forecasting.networks.metadata import CheckpointMetadata
from scoring.engines import Engine
from scoring.errors import ScoringError
from scoring.input import Input
from scoring.job import Counts, Failure, Job
from scoring.model import ModelFile
from scoring.plan import Fingerprint, Plan
from scoring.work import WorkFolder, remove, write_whole

ATTEMPTS: Final = 3
"""Attempts per chunk in one run."""

Say = Callable[[str], None]


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
        model: the checkpoint.
        metadata: metadata of the checkpoint.
        plan: identity of the run.
        fingerprint: state of the input.
        begun: when the command started, from ``time.perf_counter``.
    """

    input: Input
    output: Path
    model: ModelFile
    metadata: CheckpointMetadata
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
    """

    counts: Counts
    chunks: int
    skipped: int
    notes: tuple[str, ...]
    scored: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def execute(run: Run, work: WorkFolder, engine: Engine, progress: Progress, say: Say) -> Result:
    """Start or resume ``run`` and score its remaining chunks, each at most :data:`ATTEMPTS` times.

    Raises:
        ForecastError: if the input cannot be used, or has changed since the run began.
    """
    work.begin(run.plan, run.output)
    if not work.staged.exists():
        with work.staging() as folder:
            run.input.stage(run.metadata, run.plan.chunk, folder)
            run.fingerprint.check()
    job = run.input.job(work.staged, run.model)
    done = work.finished()
    before = sum(counts.places for counts in done.values())
    if done:
        say(f"resuming: {len(done)} of {job.chunks} chunks are already finished")
    result = Result(Counts(), job.chunks, len(done), run.input.notes(work.staged))
    progress.begin(sum(map(job.places, range(job.chunks))), before)
    waiting = [chunk for chunk in range(job.chunks) if chunk not in done]
    for turn in range(ATTEMPTS):
        if waiting and turn:
            say(f"retrying {len(waiting)} failed chunks; {_first(result.failed)}")
        result.failed = _score(job, waiting, work, engine, progress, done)
        waiting = sorted(result.failed)
    for counts in done.values():
        result.counts.add(counts)
    result.scored = result.counts.places - before
    lost = sum(map(job.places, waiting))
    if lost:
        result.counts.add(Counts(places=lost, missing={"its chunk failed": lost}))
    return result


def _score(
    job: Job, waiting: list[int], work: WorkFolder, engine: Engine, progress: Progress, done: dict[int, Counts]
) -> dict[int, str]:
    """Try each of the ``waiting`` chunks; return the reasons of those that failed."""
    failed: dict[int, str] = {}
    for chunk, outcome in engine.run(job, waiting) if waiting else ():
        if isinstance(outcome, Failure):
            failed[chunk] = outcome.reason
            work.record(chunk, outcome)
        else:
            work.save(chunk, outcome)
            done[chunk] = outcome.counts
            progress.update(outcome.counts.places)
    return failed


def finish(run: Run, work: WorkFolder, result: Result) -> None:
    """Write the output and a summary beside it.

    Raises:
        ScoringError: if no chunk could be scored.
    """
    if len(result.failed) == result.chunks:
        raise ScoringError(f"every chunk failed, so {run.output} was not written; {_first(result.failed)}")
    complete = work.path / f"complete{run.output.suffix}"
    remove(complete)
    run.input.write(work, run.plan, result.failed, complete)
    result.seconds = time.perf_counter() - run.begun
    write_whole(summary_path(run.output), (json.dumps(_summary(run, result), indent=1) + "\n").encode())
    work.place(complete, run.output)
    if not result.failed:
        work.remove()


def summary_path(output: Path) -> Path:
    """Return the path of the summary beside an output."""
    return output.with_name(f"{output.name}.summary.json")


def _first(failed: dict[int, str]) -> str:
    chunk = min(failed)
    return f"chunk {chunk}: {failed[chunk]}"


def _summary(run: Run, result: Result) -> dict[str, Any]:
    counts, plan = result.counts, run.plan
    return {
        "input": str(run.input.path),
        "files": len(run.input.files),
        "input_sha256": plan.input_sha256,
        "output": str(run.output),
        "model": plan.model,
        "version": plan.version,
        "model_sha256": plan.model_sha256,
        "horizon": plan.horizon,
        "levels": list(plan.levels),
        run.input.unit: counts.places,
        "forecast": counts.forecast,
        "missing": counts.missing,
        "warnings": counts.warnings,
        "notes": list(result.notes),
        "chunks": {"all": result.chunks, "finished_before": result.skipped, "failed": result.failed},
        "seconds": round(result.seconds, 3),
        "rate": round(result.scored / result.seconds, 1),
        "libraries": plan.libraries,
    }
