"""``sst score``: from its options to its exit status."""

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.console import Program
from forecasting.errors import FileError
from forecasting.readers.options import ReadingOptions
from forecasting.series.units import Units
from scoring.cli.arguments import DONE, GRIDS, INCOMPLETE, OUTPUTS, READING, SCORE
from scoring.cli.start import processes_for, selection_of
from scoring.engine import Cluster, Engine, Processes
from scoring.errors import ScoringError
from scoring.events import EventRequest
from scoring.models import Models, models_for_grid, models_for_table
from scoring.run import Input, Result, Run, execute, finish
from scoring.source import Source, find_source, is_grid, named
from scoring.work import Fingerprint, Plan, WorkFolder, working

if TYPE_CHECKING:
    from scoring.archive.archive import Archive

ARCHIVE: Final = "archive"
"""In place of an output format: the forecasts are added to an archive."""
_KEEP: Final = ", or keep the forecasts of every run with --append ARCHIVE.parquet instead of OUTPUT"
_LIBRARIES: Final = ("torch", "numpy", "pyarrow", "xarray", "zarr", "h5netcdf")
"""Libraries that affect the output."""
_HOW: Final = ("processes", "cluster", "chunk", "overwrite", "restart", "quiet")
"""Options that say how a job is done, not what it is."""


def score(options: argparse.Namespace) -> int:
    """Run batch scoring and return the exit status: 0 done, 3 without forecasts or with failed chunks."""
    begun = time.perf_counter()
    archive = _archive_of(options)
    kind, output = (_output_kind(options.output), options.output) if archive is None else (ARCHIVE, archive.path)
    source = _source(options, kind)
    source.refuse(output)
    input_ = _input_of(source, kind, options)
    with working(output, restart=options.restart, job="" if archive is None else _job(options)) as work:
        if archive is None:
            if _is_complete(work, output):
                SCORE.say(f"{output} is already complete; nothing to do")
                return DONE
            _refuse_existing(options, work, kind)
        with removed_if_nothing_staged(work), closing(engine_of(options, input_.model)) as engine:
            with named(source.path):
                narrowed = input_.narrowed()
                fingerprint = Fingerprint.of(narrowed.files)
                plan = plan_of(options, kind, fingerprint, narrowed)
                run = Run(narrowed, output, plan, fingerprint, begun)
                if archive is not None and _is_archived(run, archive, work):
                    return DONE
                result = execute(run, work, engine, SCORE.say, quiet=options.quiet)
            place = finish(run, work, result) if archive is None else _add(run, result, work, archive)
    tell(run, result, place)
    if archive is not None and result.failed:
        SCORE.say(f"nothing was added to {archive.path}")
    return INCOMPLETE if result.failed or not result.counts.forecast else DONE


def _output_kind(output: Path) -> str:
    kind = OUTPUTS.get(output.suffix.lower())
    if kind is None:
        raise ScoringError(f"{output}: unknown output format; use one of the extensions {', '.join(OUTPUTS)}")
    if not output.absolute().parent.is_dir():
        raise ScoringError(f"{output}: the folder {output.absolute().parent} does not exist; create it first")
    return kind


def _is_complete(work: WorkFolder, output: Path) -> bool:
    """Return whether a run was killed after it had placed its output, and remove its work folder if so."""
    if not work.has_placed(output) or work.failures():
        return False
    work.remove()
    return True


def _refuse_existing(options: argparse.Namespace, work: WorkFolder, kind: str) -> None:
    if options.output.exists() and not options.overwrite and not work.has_placed(options.output):
        work.remove_if_empty()
        keep = "" if kind in GRIDS else _KEEP
        raise ScoringError(
            f"{options.output} already exists; choose another name, or replace it with --overwrite{keep}"
        )


def _archive_of(options: argparse.Namespace) -> "Archive | None":
    if not options.append:
        return None
    # pyarrow is slow to import, and grids do not need it.
    from scoring.archive.archive import Archive

    if options.overwrite:
        raise ScoringError("--overwrite cannot be used with --append, because an archive only grows; leave it out")
    return Archive.to_extend(options.append)


def _source(options: argparse.Namespace, kind: str) -> Source:
    last = options.input[-1]
    if kind == ARCHIVE and len(options.input) > 1 and not last.exists():
        raise ScoringError(f"{last}: no such file; --append replaces OUTPUT, so name only inputs")
    return find_source(options.input, grid=kind in GRIDS)


def _job(options: argparse.Namespace) -> str:
    """Return a name for the work folder: jobs with other inputs or options run at the same time."""
    wanted = {name: str(value) for name, value in vars(options).items() if name not in _HOW}
    wanted["input"] = str([str(path.absolute()) for path in options.input])
    return f".{hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:8]}"


def _is_archived(run: Run, archive: "Archive", work: WorkFolder) -> bool:
    """Return whether the archive has the forecasts of a run; if not, drop the work of a killed run of another plan.

    Its input or model has changed since, so its forecasts were not issued.
    """
    from scoring.archive.archive import key_of

    added = archive.file_of(key_of(run.plan))
    if added is not None:
        work.remove()
        print(f"{archive.path}: already holds these forecasts, in {added.name}; nothing added")
        return True
    if differences := work.differences(run.plan):
        SCORE.say(f"discarding an unfinished run: {'; '.join(differences)}")
        work.clear()
    return False


def _add(run: Run, result: Result, work: WorkFolder, archive: "Archive") -> Path:
    """Add the forecasts to the archive if every chunk was scored; returns the path of their file."""
    from scoring.archive.archive import archive_schema, key_of, write_rows
    from scoring.tables.job import TableInput

    place, input_ = archive.path, run.input
    assert isinstance(input_, TableInput)
    if result.counts.forecast and not result.failed:
        issued = np.datetime64(time.time_ns() // 1_000_000, "ms")
        complete = work.path / "complete.parquet"
        columns = archive_schema(input_.levels, input_.events).with_metadata({"plan": run.plan.to_json()})
        write_rows(complete, columns, input_.parts(work, {}), run.plan.model, issued, input_.events)
        place = archive.add(complete, issued, key_of(run.plan), work)
    result.seconds = time.perf_counter() - run.begun
    if not result.failed:
        work.remove()
    return place


def _events(options: argparse.Namespace) -> EventRequest:
    """Return the events to evaluate."""
    if options.events is None:
        for name in ("baseline", "paths"):
            if getattr(options, name) is not None:
                raise ScoringError(f"--{name} applies to events: name them with --events FILE.json")
        return EventRequest()
    from scoring.events_file import read_events

    units: Units = options.units or "celsius"
    events = read_events(options.events, options.horizon, units, baseline=options.baseline, paths=options.paths)
    output = options.append or options.output
    if events.baseline_file is not None and Path(events.baseline_file).resolve() == output.resolve():
        raise ScoringError(f"{output} is also the baseline; choose another output")
    return events


def _input_of(source: Source, kind: str, options: argparse.Namespace) -> Input:
    """Return the input as a grid or a table, by the content of its first file."""
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING})
    events = _events(options)
    with named(source.files[0]):
        first = source.files[0]
        of_grid = is_grid(first)
        if of_grid and kind == ARCHIVE:
            raise FileError(
                "is a grid, but --append takes tables; write the forecasts of each run to a file of its own, such as "
                "forecast-2026-11-27.nc, or extract the cells that you want to verify into a table"
            )
        if of_grid and kind not in GRIDS:
            raise FileError("is a grid; write its forecasts to .nc or .zarr")
        if not of_grid and OUTPUTS.get(first.suffix.lower()) in GRIDS:
            raise FileError("is neither NetCDF nor Zarr, although its name says so; download it again")
        if not of_grid and kind in GRIDS:
            raise FileError("is a table; write its forecasts to .csv or .parquet")
    with named(source.path):
        selection = selection_of(options, SCORE, device_of(options))
        if of_grid:
            from scoring.grids.input import GridInput, step_of_files

            model = models_for_grid(selection, lambda: step_of_files(source.files, reading))
            events.check_step(model.span.step)
        else:
            model = models_for_table(selection)
    model.check(options.horizon, options.levels)
    given = (source.path, source.files, reading, options.horizon, options.levels, events, model)
    if of_grid:
        return GridInput(*given)
    from scoring.tables.job import TableInput

    if events.baseline_file is not None:
        raise ScoringError(f"--baseline {events.baseline_file}: a table needs a period, such as 1983/2012, or position")
    return TableInput(*given, archived=kind == ARCHIVE)


def device_of(options: argparse.Namespace) -> str:
    """Return the device to use. On a cluster, each worker chooses its own."""
    if options.device == "cpu" or options.cluster:
        return str(options.device)
    from forecasting.models.checkpoint import choose_device

    return str(choose_device(options.device))


@contextmanager
def removed_if_nothing_staged(work: WorkFolder) -> Iterator[None]:
    """Remove the work folder if a run fails before anything is staged, so that corrected input can start afresh."""
    try:
        yield
    except Exception:
        if not work.staged.exists():
            work.remove()
        raise


def engine_of(options: argparse.Namespace, model: Models, program: Program = SCORE) -> Engine:
    """Return where the chunks are scored: in this process, in others, or on a cluster."""
    if options.cluster:
        return Cluster(options.cluster, program.say)
    count = processes_for(options)
    return Processes(count, model) if count else Engine()


def plan_of(options: argparse.Namespace, kind: str, fingerprint: Fingerprint, narrowed: Input) -> Plan:
    """Return the identity of a run."""
    reading = {name: getattr(options, name) for name in READING}
    events, model = narrowed.events, narrowed.model
    return Plan(
        input_sha256=fingerprint.sha256,
        model=model.name,
        version=model.version,
        model_sha256=model.sha256,
        horizon=options.horizon,
        levels=options.levels,
        chunk=options.chunk or narrowed.chunk_size,
        output=kind,
        device=model.device,
        events_sha256=events.sha256,
        baseline=events.baseline_text,
        baseline_sha256=events.baseline_sha256,
        reading={
            name: str(value) if name == "resample" else value
            for name, value in reading.items()
            if value not in (None, [])
        },
        libraries={name: version(name) for name in _LIBRARIES},
    )


def tell(run: Run, result: Result, path: Path, program: Program = SCORE) -> None:
    """Write the outcome of a run, whose forecasts are in ``path``."""
    for note in result.notes:
        program.say(note)
    counts = result.counts
    by = f" by {run.plan.model} {result.version(run.plan)}, {run.input.model.choice}" if counts.forecast else ""
    parts = [f"{counts.forecast:,} of {counts.places:,} {run.input.unit} forecast{by}"]
    parts += [
        f"{count:,} not forecast: {counts.examples.get(why, why) if count == 1 else why}"
        for why, count in counts.missing.items()
    ]
    parts += [f"{count:,} {kind}" for kind, count in counts.warnings.items()]
    parts += [f"{count:,} without event {why}" for why, count in counts.unjudged.items()]
    parts.append(f"{result.seconds:.1f} s, {result.scored / result.seconds:,.0f} {run.input.unit}/s")
    print(f"{path}: {'; '.join(parts)}")
    for kind in counts.warnings:
        if kind in counts.examples:
            program.say(f"{kind}: {counts.examples[kind]}")
    if not counts.forecast and not result.failed:
        why = max(counts.missing, key=counts.missing.__getitem__, default="the input has no values")
        count, example = counts.missing.get(why, 0), counts.examples.get(why, why)
        if count > 1 and example != why:
            example = f"{example} (the first of {count:,} {run.input.unit} like this)"
        program.say(f"nothing could be forecast: {example}")
    if result.failed:
        first = min(result.failed)
        program.say(
            f"{len(result.failed)} of {result.chunks} chunks failed; chunk {first}: "
            f"{result.failed[first]}. Run the same command again to retry them"
        )
