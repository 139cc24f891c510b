"""The preparation of every run: its input, its engine and its plan."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from forecasting.console import Program
from forecasting.errors import FileError, ReleaseError
from forecasting.readers.options import ReadingOptions
from forecasting.readers.text import sniff_binary
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.units import Units
from scoring.cli.arguments import GRIDS, OUTPUTS, READING, SCORE
from scoring.cli.start import processes_for
from scoring.engine import Cluster, Engine, InProcess, Processes
from scoring.errors import ScoringError
from scoring.events import EventRequest
from scoring.models.catalog import Choice
from scoring.models.model import Model
from scoring.run import Input
from scoring.source import Source, is_parquet, named
from scoring.work import Fingerprint, Plan, WorkFolder, installed

ARCHIVE: Final = "archive"
"""In place of an output format: the forecasts are added to an archive."""


def _events(options: argparse.Namespace) -> EventRequest:
    """Return the events to judge.

    Raises:
        ScoringError: if the file of events or the baseline cannot be used.
    """
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


def input_of(source: Source, kind: str, options: argparse.Namespace) -> Input[Any]:
    """Return the input as a grid or a table, by the content of its first file.

    Raises:
        ForecastError: if the file is neither, or the output is of the other kind.
    """
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING})
    events = _events(options)
    with named(source.files[0]):
        first = source.files[0]
        is_grid = not (first.is_file() and is_parquet(first)) and sniff_binary(first) is not None
        if is_grid and kind == ARCHIVE:
            raise FileError(
                "is a grid, but --append takes tables; write the forecasts of each run to a file of its own, such as "
                "forecast-2026-11-27.nc, or extract the cells that you want to verify into a table"
            )
        if is_grid and kind not in GRIDS:
            raise FileError("is a grid; write its forecasts to .nc or .zarr")
        if not is_grid and OUTPUTS.get(first.suffix.lower()) in GRIDS:
            raise FileError("is neither NetCDF nor Zarr, although its name says so; download it again")
        if not is_grid and kind in GRIDS:
            raise FileError("is a table; write its forecasts to .csv or .parquet")
    if is_grid:
        from scoring.grids.input import GridInput

        return GridInput(source.path, source.files, reading, options.horizon, options.levels, events)
    from scoring.tables.input import TableInput

    if events.baseline_file is not None:
        raise ScoringError(f"--baseline {events.baseline_file}: a table needs a period, such as 1983/2012")
    return TableInput(
        source.path, source.files, reading, options.horizon, options.levels, events, archived=kind == ARCHIVE
    )


def chosen_model(source: Source, input_: Input[Any], options: argparse.Namespace) -> Model:
    """Return the model that the user asks for.

    Raises:
        ForecastError: if there is no such model, or it does not offer the horizon or the levels.
    """
    with named(source.path):
        trusted = TrustedKeys.chosen(options.trusted_key)
        artifacts = releases_folder(options.artifacts, trusted, SCORE)
        choice = Choice.of(artifacts, options.dataset, options.model, _device_of(options), trusted)
        model: Model = input_.choose(choice)
    model.check(options.horizon, options.levels)
    return model


def releases_folder(artifacts: Path | str, trusted: TrustedKeys | None, program: Program) -> Path:
    """Return the folder of releases; those at a URL are copied to the cache first.

    If that is not possible, what was copied before is used, with a warning.

    Raises:
        ReleaseError: if they cannot be copied, and none was copied before.
        MissingExtraError: if a package that the URL needs is not installed.
    """
    if isinstance(artifacts, Path):
        return artifacts
    from forecasting.releases.remote.cache import chosen_cache
    from forecasting.releases.remote.mirror import Mirror

    mirror = Mirror(artifacts, chosen_cache(), trusted)
    try:
        mirror.refresh(0.0, wait=True)
    except ReleaseError as error:
        if mirror.is_empty:
            raise
        program.say(f"using the releases that were copied before: {error}")
    return mirror.folder


def _device_of(options: argparse.Namespace) -> str:
    """Return the device to use. On a cluster, each worker chooses its own.

    Raises:
        RequestError: if there is no such device.
    """
    if options.device == "cpu" or options.cluster:
        return str(options.device)
    from forecasting.networks.device import choose_device

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


@contextmanager
def engine_of(options: argparse.Namespace, model: Model) -> Iterator[Engine]:
    """Yield where the chunks are scored: in this process, in others, or on a cluster."""
    count = processes_for(options)
    engine: Engine
    if options.cluster:
        engine = Cluster(options.cluster, SCORE.say)
    else:
        engine = Processes(count, model) if count else InProcess()
    try:
        yield engine
    finally:
        engine.close()


def plan_of(
    options: argparse.Namespace, kind: str, fingerprint: Fingerprint, model: Model, narrowed: Input[Any]
) -> Plan:
    """Return the identity of a run."""
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
