"""A run from its input to its output: what was done before is not done again."""

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
"""How often a chunk is tried before it is given up."""

Say = Callable[[str], None]


class Progress(Protocol):
    """Hears how many places (cells or stations) are scored."""

    def begin(self, total: int, done: int) -> None:
        """Begin with the ``total`` of places, of which ``done`` were scored before."""

    def update(self, places: int) -> None:
        """Count so many more places as scored."""


@dataclass(frozen=True)
class Run:
    """All that one run needs.

    Attributes:
        input: what is scored.
        output: the file or store that is wanted.
        model: the checkpoint.
        metadata: of the checkpoint.
        plan: its identity.
        fingerprint: of the input.
        begun: when the command started, by ``time.perf_counter``.
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
    """What became of a run.

    Attributes:
        counts: of all places.
        chunks: in all.
        skipped: chunks that were done before.
        notes: what was chosen or left out while reading.
        scored: places that this command scored.
        failed: why chunks could not be scored.
        seconds: that the command took.
    """

    counts: Counts
    chunks: int
    skipped: int
    notes: tuple[str, ...]
    scored: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def execute(run: Run, work: WorkFolder, engine: Engine, progress: Progress, say: Say) -> Result:
    """Go on with ``run`` wherever it stands, until each chunk is scored or given up.

    Raises:
        ForecastError: if the input cannot be used, or is not the one that the run began with.
    """
    work.begin(run.plan, run.output)
    if not work.staged.exists():
        with work.staging() as folder:
            run.input.stage(run.metadata, run.plan.chunk, folder)
            run.fingerprint.check()
    job = run.input.job(work.staged, run.model)
    done = work.finished()
    before = sum(one.places for one in done.values())
    if done:
        say(f"{len(done)} of {job.chunks} chunks were finished before and are not scored again")
    result = Result(Counts(), job.chunks, len(done), run.input.notes(work.staged))
    progress.begin(sum(map(job.places, range(job.chunks))), before)
    waiting = [chunk for chunk in range(job.chunks) if chunk not in done]
    for turn in range(ATTEMPTS):
        if waiting and turn:
            say(f"{len(waiting)} chunks failed and are tried again; {_first(result.failed)}")
        result.failed = _score(job, waiting, work, engine, progress, done)
        waiting = sorted(result.failed)
    for counts in done.values():
        result.counts.add(counts)
    result.scored = result.counts.places - before
    lost = sum(map(job.places, waiting))
    if lost:
        result.counts.add(Counts(places=lost, missing={"its chunk could not be scored": lost}))
    return result


def _score(
    job: Job, waiting: list[int], work: WorkFolder, engine: Engine, progress: Progress, done: dict[int, Counts]
) -> dict[int, str]:
    """Try each of the chunks that wait; why some failed."""
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
    """Put the output under its name, and a summary beside it.

    Raises:
        ScoringError: if no chunk could be scored.
    """
    if len(result.failed) == result.chunks:
        raise ScoringError(f"no chunk could be scored, so that there is no {run.output}; {_first(result.failed)}")
    complete = work.path / f"complete{run.output.suffix}"
    remove(complete)
    run.input.write(work, run.plan, result.failed, complete)
    result.seconds = time.perf_counter() - run.begun
    write_whole(summary_path(run.output), (json.dumps(_summary(run, result), indent=1) + "\n").encode())
    work.place(complete, run.output)
    if not result.failed:
        work.remove()


def summary_path(output: Path) -> Path:
    """Of the summary that stands beside an output."""
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
