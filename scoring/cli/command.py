"""The command: from its options to its exit status."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from forecasting.console import in_command_line
from forecasting.errors import FileError, ForecastError
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.base.text import sniff_binary
from forecasting.series.units import Units
from scoring.cli.arguments import GRIDS, OUTPUTS, READING
from scoring.cli.progress_bar import ProgressBar
from scoring.cli.start import processes_for
from scoring.engines.engine import Engine
from scoring.engines.in_process import InProcess
from scoring.engines.processes import Processes
from scoring.errors import NothingToForecastError, ScoringError
from scoring.events.asked import AskedEvents
from scoring.models.choice import Choice
from scoring.models.model import Model
from scoring.run.execution import execute, finish
from scoring.run.run import Result, Run
from scoring.sources.source import Source, find_source, is_parquet, named
from scoring.work.fingerprint import Fingerprint
from scoring.work.folder import WorkFolder, locked
from scoring.work.input import Input
from scoring.work.plan import Plan, installed

DONE: Final = 0
REFUSED: Final = 2
INCOMPLETE: Final = 3


def main(options: argparse.Namespace) -> int:
    """Run batch scoring and return the exit status: 0 done, 2 refused, 3 without forecasts or with failed chunks."""
    begun = time.perf_counter()
    try:
        return _main(options, begun)
    except NothingToForecastError as error:
        _say(error.written(in_command_line))
        return INCOMPLETE
    except ForecastError as error:
        _say(error.written(in_command_line))
        return REFUSED


def _main(options: argparse.Namespace, begun: float) -> int:
    kind = _output_kind(options.output)
    source = find_source(options.input, grid=kind in GRIDS)
    source.refuse(options.output)
    input_ = _input(source, kind, options)
    with named(source.path):
        model = input_.choose(Choice.of(options.artifacts, options.dataset, options.model, _device(options)))
    model.check(options.horizon, options.levels)
    count = processes_for(options)
    with locked(options.output, restart=options.restart) as work:
        if _is_complete(work, options.output):
            _say(f"{options.output} is already complete; nothing to do")
            return DONE
        _refuse_existing(options, work)
        with _removed_if_nothing_staged(work), _engine(options, count, model) as engine:
            with named(source.path):
                narrowed = input_.narrowed(model)
                fingerprint = Fingerprint.of(narrowed.files)
                plan = _plan(options, kind, fingerprint, model, narrowed)
                run = Run(narrowed, options.output, model, plan, fingerprint, begun)
                result = execute(run, work, engine, ProgressBar(input_.unit, options.quiet), _say)
            finish(run, work, result)
    _tell(run, result)
    return INCOMPLETE if result.failed or not result.counts.forecast else DONE


def _output_kind(output: Path) -> str:
    kind = OUTPUTS.get(output.suffix.lower())
    if kind is None:
        raise ScoringError(f"{output}: unknown output format; use one of the extensions {', '.join(OUTPUTS)}")
    if not output.absolute().parent.is_dir():
        raise ScoringError(f"{output}: the folder {output.absolute().parent} does not exist; create it first")
    return kind


def _events(options: argparse.Namespace) -> AskedEvents:
    """Return the events to judge.

    Raises:
        ScoringError: if the file of events or the baseline cannot be used.
    """
    if options.events is None:
        for name in ("baseline", "paths"):
            if getattr(options, name) is not None:
                raise ScoringError(f"--{name} is about events: name them with --events FILE.json")
        return AskedEvents()
    from scoring.events.events_file import read_events

    units: Units = options.units or "celsius"
    events = read_events(options.events, options.horizon, units, baseline=options.baseline, paths=options.paths)
    if events.baseline_file is not None and Path(events.baseline_file).resolve() == options.output.resolve():
        raise ScoringError(f"{options.output} is also the baseline; choose another output")
    return events


def _input(source: Source, kind: str, options: argparse.Namespace) -> Input[Any]:
    """Return the input as a grid or a table, by the content of its first file.

    Raises:
        ForecastError: if the file is neither, or the output is of the other kind.
    """
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING})
    events = _events(options)
    with named(source.files[0]):
        first = source.files[0]
        is_grid = not (first.is_file() and is_parquet(first)) and sniff_binary(first) is not None
        if is_grid and kind not in GRIDS:
            raise FileError("is a grid; write its forecasts to .nc or .zarr")
        if not is_grid and kind in GRIDS:
            raise FileError("is a table; write its forecasts to .csv or .parquet")
    if is_grid:
        from scoring.grids.run import GridInput

        return GridInput(source.path, source.files, reading, options.horizon, options.levels, events)
    from scoring.tables.run import TableInput

    if events.baseline_file is not None:
        raise ScoringError(f"--baseline {events.baseline_file}: a table takes a period, such as 1983/2012")
    return TableInput(source.path, source.files, reading, options.horizon, options.levels, events)


def _device(options: argparse.Namespace) -> str:
    """Return the device to use. On a cluster, each worker chooses its own.

    Raises:
        RequestError: if there is no such device.
    """
    if options.device == "cpu" or options.cluster:
        return str(options.device)
    from forecasting.networks.device import choose_device

    return str(choose_device(options.device))


def _is_complete(work: WorkFolder, output: Path) -> bool:
    """Return whether a run was killed after it had placed its output, and remove its work folder if so."""
    if not work.has_placed(output) or work.failures():
        return False
    work.remove()
    return True


def _refuse_existing(options: argparse.Namespace, work: WorkFolder) -> None:
    if options.output.exists() and not options.overwrite and not work.has_placed(options.output):
        work.remove_if_empty()
        raise ScoringError(f"{options.output} already exists; choose another name, or replace it with --overwrite")


@contextmanager
def _removed_if_nothing_staged(work: WorkFolder) -> Iterator[None]:
    """Remove the work folder if a run fails before anything is staged, so that corrected input can start afresh."""
    try:
        yield
    except Exception:
        if not work.staged.exists():
            work.remove()
        raise


@contextmanager
def _engine(options: argparse.Namespace, count: int, model: Model) -> Iterator[Engine]:
    engine: Engine
    if options.cluster:
        from scoring.engines.cluster import Cluster

        engine = Cluster(options.cluster, _say)
    else:
        engine = Processes(count, model) if count else InProcess()
    try:
        yield engine
    finally:
        engine.close()


def _plan(options: argparse.Namespace, kind: str, fingerprint: Fingerprint, model: Model, narrowed: Input[Any]) -> Plan:
    reading = {name: getattr(options, name) for name in READING}
    events = narrowed.events
    return Plan(
        input_sha256=fingerprint.sha256,
        model=model.name,
        version=model.version,
        model_sha256=model.sha256,
        horizon=options.horizon,
        levels=options.levels,
        chunk=options.chunk or narrowed.chunk_size(model),
        output=kind,
        device=model.device,
        events_sha256=events.sha256,
        baseline=None if events.period is None else f"{events.period.start}/{events.period.end}",
        baseline_sha256=events.baseline_sha256,
        reading={
            name: str(value) if name == "resample" else value
            for name, value in reading.items()
            if value not in (None, [])
        },
        libraries=installed(),
    )


def _say(text: str) -> None:
    print(f"scoring: {text}", file=sys.stderr)


def _tell(run: Run, result: Result) -> None:
    for note in result.notes:
        _say(note)
    counts = result.counts
    parts = [
        f"{counts.forecast:,} of {counts.places:,} {run.input.unit} forecast by {run.plan.model} {run.plan.version}, "
        f"{run.model.choice}"
    ]
    parts += [f"{count:,} not forecast: {why}" for why, count in counts.missing.items()]
    parts += [f"{count:,} {kind}" for kind, count in counts.warnings.items()]
    parts += [f"{count:,} without event {why}" for why, count in counts.unjudged.items()]
    parts.append(f"{result.seconds:.1f} s, {result.scored / result.seconds:,.0f} {run.input.unit}/s")
    print(f"{run.output}: {'; '.join(parts)}")
    if not counts.forecast and not result.failed:
        why = max(counts.missing, key=counts.missing.__getitem__, default="the input has no values")
        _say(f"nothing could be forecast: {why}")
    if result.failed:
        first = min(result.failed)
        _say(
            f"{len(result.failed)} of {result.chunks} chunks failed; chunk {first}: "
            f"{result.failed[first]}. Run the same command again to retry them"
        )
