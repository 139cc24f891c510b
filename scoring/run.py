"""A run from its input to its output; finished chunks are never scored again."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from tqdm import tqdm

from forecasting.disk import move_whole
from forecasting.readers.options import ReadingOptions
from scoring.engine import Engine
from scoring.errors import NothingToForecastError
from scoring.events import EventRequest
from scoring.job import Counts, Failure, Job
from scoring.models import Models
from scoring.work import Fingerprint, Plan, WorkFolder, remove


@dataclass(frozen=True)
class Input(ABC):
    """Files that are scored together."""

    unit: ClassVar[str]

    path: Path
    files: tuple[Path, ...]
    options: ReadingOptions
    horizon: int
    levels: tuple[int, ...]
    events: EventRequest
    model: Models

    @property
    @abstractmethod
    def chunk_size(self) -> int:
        """Return how many cells or rows are forecast together by default."""

    def narrowed(self) -> Self:
        """Return the input without the files that no forecast depends on."""
        return self

    @abstractmethod
    def stage(self, chunk: int, folder: Path, *, quiet: bool) -> None:
        """Read the input into ``folder``, in the form that the chunks need."""

    @abstractmethod
    def job(self, folder: Path) -> Job:
        """Return the job for the input that was staged in ``folder``."""

    @abstractmethod
    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """Write the output from the parts of finished chunks; ``failed`` holds the reasons for the others."""


def progress(what: str, total: int | None, unit: str, *, quiet: bool, initial: int = 0) -> "tqdm[Any]":
    """Return a bar with a rate and an end, which is shown if standard error is a terminal."""
    return tqdm(total=total, desc=what, unit=unit, unit_scale=True, initial=initial, disable=quiet or None)


@dataclass(frozen=True)
class Run:
    """Everything that one run needs."""

    input: Input
    output: Path
    plan: Plan
    fingerprint: Fingerprint
    begun: float


@dataclass
class Result:
    """The outcome of a run."""

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


ATTEMPTS: Final = 3
"""Attempts per chunk in one run."""

Say = Callable[[str], None]


def execute(run: Run, work: WorkFolder, engine: Engine, say: Say, *, quiet: bool) -> Result:
    """Start or resume ``run`` and score its remaining chunks, each at most :data:`ATTEMPTS` times."""
    work.begin(run.plan, run.output)
    begun = time.perf_counter()
    if not work.staged.exists():
        with work.staging() as folder:
            run.input.stage(run.plan.chunk, folder, quiet=quiet)
            run.fingerprint.check()
    job = run.input.job(work.staged)
    chunks, done = job.layout.chunks, work.finished()
    before = sum(counts.places for counts in done.values())
    if done:
        say(f"resuming: {len(done)} of {chunks} chunks are already finished")
    result = Result(Counts(), chunks, len(done), job.layout.notes)
    staged = time.perf_counter()
    result.parts["read"] = staged - begun
    waiting = [chunk for chunk in range(chunks) if chunk not in done]
    total, unit = sum(map(job.places, range(chunks))), f" {run.input.unit}"
    with progress("forecasting", total, unit, quiet=quiet, initial=before) as bar:
        for turn in range(ATTEMPTS):
            if waiting and turn:
                say(f"retrying {len(waiting)} failed chunks; {_first(result.failed)}")
            result.failed = {}
            for chunk, outcome in engine.run(job, waiting) if waiting else ():
                if isinstance(outcome, Failure):
                    result.failed[chunk] = outcome.reason
                    work.record(chunk, outcome)
                else:
                    work.save(chunk, outcome)
                    done[chunk] = outcome.counts
                    bar.update(outcome.counts.places)
            waiting = sorted(result.failed)
    result.parts["score"] = time.perf_counter() - staged
    for counts in done.values():
        result.counts.add(counts)
    result.scored = result.counts.places - before
    lost = sum(map(job.places, waiting))
    if lost:
        result.counts.add(Counts(places=lost, missing={"its chunk failed": lost}))
    return result


def finish(run: Run, work: WorkFolder, result: Result) -> Path:
    """Write the output and a summary beside it; returns the path of the output."""
    if len(result.failed) == result.chunks:
        raise NothingToForecastError(f"every chunk failed, so {run.output} was not written; {_first(result.failed)}")
    complete = work.path / f"complete{run.output.suffix}"
    remove(complete)
    scored = time.perf_counter()
    run.input.write(work, run.plan, result.failed, complete)
    now = time.perf_counter()
    result.parts["write"] = now - scored
    result.seconds = now - run.begun
    summary = work.path / "summary.json"
    summary.write_text(json.dumps(summary_of(run, result), indent=1) + "\n", encoding="utf-8")
    move_whole(summary, summary_path(run.output))
    work.place(complete, run.output)
    if not result.failed:
        work.remove()
    return run.output


def summary_path(output: Path) -> Path:
    """Return the path of the summary beside an output."""
    return output.with_name(f"{output.name}.summary.json")


def _first(failed: dict[int, str]) -> str:
    chunk = min(failed)
    return f"chunk {chunk}: {failed[chunk]}"


def summary_of(run: Run, result: Result) -> dict[str, Any]:
    """Return the counts, notes and identity of a run as plain values."""
    counts, plan = result.counts, run.plan
    return {
        "input": str(run.input.path),
        "files": len(run.input.files),
        "input_sha256": plan.input_sha256,
        "output": str(run.output),
        "model": plan.model,
        "version": result.version(plan),
        "model_sha256": plan.model_sha256,
        "model_choice": run.input.model.choice,
        "horizon": plan.horizon,
        "levels": list(plan.levels),
        run.input.unit: counts.places,
        "forecast": counts.forecast,
        "missing": counts.missing,
        "warnings": counts.warnings,
        "events": [definition.name for definition in run.input.events.definitions],
        "events_not_judged": counts.unjudged,
        "notes": list(result.notes),
        "chunks": {"all": result.chunks, "finished_before": result.skipped, "failed": result.failed},
        "seconds": round(result.seconds, 3),
        "seconds_by_part": {part: round(seconds, 3) for part, seconds in result.parts.items()},
        "rate": round(result.scored / result.seconds, 1),
        "libraries": plan.libraries,
    }
