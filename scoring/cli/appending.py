"""``--append ARCHIVE``: a run that adds its forecasts to an archive."""

import argparse
import hashlib
import json
import time
from typing import Final

import numpy as np

from scoring.archive.archive import Archive, archive_schema, key_of, write_rows
from scoring.cli.arguments import DONE, INCOMPLETE, SCORE
from scoring.cli.outcome import tell
from scoring.cli.preparing import ARCHIVE, chosen_model, engine_of, input_of, plan_of, removed_if_nothing_staged
from scoring.cli.progress_bar import ProgressBar
from scoring.errors import ScoringError
from scoring.run import Run, execute
from scoring.source import Source, find_source, named
from scoring.tables.input import TableInput
from scoring.work import Fingerprint, Plan, WorkFolder, locked

_HOW: Final = ("processes", "cluster", "chunk", "overwrite", "restart", "quiet")
"""Options that say how a job is done, not what it is."""


def append(options: argparse.Namespace, begun: float) -> int:
    """Add the forecasts to the archive and return the exit status.

    Raises:
        ForecastError: if the input, the model or the archive cannot be used.
    """
    if options.overwrite:
        raise ScoringError("--overwrite cannot be used with --append, because an archive only grows; leave it out")
    archive = Archive.to_extend(options.append)
    source = _source(options)
    source.refuse(archive.path)
    input_ = input_of(source, ARCHIVE, options)
    assert isinstance(input_, TableInput)
    model = chosen_model(source, input_, options)
    with locked(archive.path, restart=options.restart, job=_job(options)) as work:
        with named(source.path):
            fingerprint = Fingerprint.of(input_.files)
        plan = plan_of(options, ARCHIVE, fingerprint, model, input_)
        added = archive.file_of(key_of(plan))
        if added is not None:
            work.remove()
            print(f"{archive.path}: already holds these forecasts, in {added.name}; nothing added")
            return DONE
        _forget_other_work(work, plan)
        run = Run(input_, archive.path, model, plan, fingerprint, begun)
        return _score(run, input_, work, archive, options)


def _source(options: argparse.Namespace) -> Source:
    last = options.input[-1]
    if len(options.input) > 1 and not last.exists():
        raise ScoringError(f"{last}: no such file; --append replaces OUTPUT, so name only inputs")
    return find_source(options.input, grid=False)


def _job(options: argparse.Namespace) -> str:
    """Return a name for the work folder: jobs with other inputs or options run at the same time."""
    wanted = {name: str(value) for name, value in vars(options).items() if name not in _HOW}
    wanted["input"] = str([str(path.absolute()) for path in options.input])
    return f".{hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:8]}"


def _forget_other_work(work: WorkFolder, plan: Plan) -> None:
    """Clear the work of a killed run if the input or the model has changed since: its forecasts were not issued."""
    differences = work.differences(plan)
    if differences:
        SCORE.say(f"discarding an unfinished run: {'; '.join(differences)}")
        work.clear()


def _score(run: Run, input_: TableInput, work: WorkFolder, archive: Archive, options: argparse.Namespace) -> int:
    with removed_if_nothing_staged(work), engine_of(options, run.model) as engine, named(input_.path):
        result = execute(run, work, engine, ProgressBar(input_.unit, options.quiet), SCORE.say)
    place = archive.path
    if result.counts.forecast and not result.failed:
        issued = np.datetime64(time.time_ns() // 1_000_000, "ms")
        complete = work.path / "complete.parquet"
        columns = archive_schema(input_.levels, input_.events).with_metadata({"plan": run.plan.to_json()})
        write_rows(complete, columns, input_.parts(work, {}), run.plan.model, issued, input_.events)
        place = archive.add(complete, issued, key_of(run.plan), work)
    result.seconds = time.perf_counter() - run.begun
    tell(run, result, place)
    if result.failed:
        SCORE.say(f"nothing was added to {archive.path}")
        return INCOMPLETE
    work.remove()
    return DONE if result.counts.forecast else INCOMPLETE
