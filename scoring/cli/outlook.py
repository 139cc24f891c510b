"""``sst outlook``: from its options to its exit status."""

import argparse
import hashlib
import json
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.options import ReadingOptions
from forecasting.series.times import short
from scoring.cli.arguments import DONE, INCOMPLETE, OUTLOOK, READING
from scoring.cli.score import device_of, engine_of, plan_of, removed_if_nothing_staged, tell
from scoring.cli.start import selection_of
from scoring.errors import ScoringError
from scoring.events import EventRequest
from scoring.events_file import baseline_request
from scoring.grids.field import open_files
from scoring.grids.input import step_of_files
from scoring.grids.job import GridJob
from scoring.models import models_for_grid
from scoring.outlook.folder import DESCRIPTION, LATEST, OutlookFolder
from scoring.outlook.grid import OutlookInput, axes_of, events_of, require_days, usual_of
from scoring.outlook.page import PAGE, page
from scoring.outlook.pictures import draw_all
from scoring.outlook.source import download, is_address
from scoring.run import Result, Run, execute, summary_of
from scoring.source import Source, find_source, is_grid, named
from scoring.work import Fingerprint, WorkFolder, remove, working

_SUFFIXES: Final = {"netcdf": ".nc", "zarr": ".zarr"}


def outlook(options: argparse.Namespace) -> int:
    """Make an outlook and return the exit status: 0 done, 3 without forecasts or with failed chunks."""
    begun = time.perf_counter()
    options.input = [_local(given, options) for given in options.input]
    source = find_source(options.input, grid=True)
    source.refuse(options.output / LATEST)
    kind = options.format or ("zarr" if source.files[0].is_dir() else "netcdf")
    input_ = _input_of(source, options)
    folder = OutlookFolder.open(options.output)
    if input_.usual.warning:
        OUTLOOK.say(input_.usual.warning)
    output = folder.path / f"outlook{_SUFFIXES[kind]}"
    with working(output, restart=options.restart) as work:
        with (
            removed_if_nothing_staged(work),
            closing(engine_of(options, input_.model, OUTLOOK)) as engine,
            named(source.path),
        ):
            narrowed = input_.narrowed()
            fingerprint = Fingerprint.of(narrowed.files)
            run = Run(narrowed, output, plan_of(options, kind, fingerprint, narrowed), fingerprint, begun)
            published = folder.find(_identity(run))
            if published is not None:
                folder.make_latest(published)
                work.remove()
                OUTLOOK.say(f"{published} is already complete; nothing to do")
                return DONE
            other = work.differences(run.plan)
            if other:
                OUTLOOK.say(f"discarding an unfinished outlook, since {'; '.join(other)}")
                work.clear()
            result = execute(run, work, engine, OUTLOOK.say, quiet=options.quiet)
        is_whole = result.counts.forecast and not result.failed
        place = _publish(run, result, work, folder, quiet=options.quiet) if is_whole else output
        if not result.failed:
            work.remove()
    result.seconds = time.perf_counter() - begun
    tell(run, result, place, OUTLOOK)
    return DONE if is_whole else INCOMPLETE


def _local(given: str, options: argparse.Namespace) -> Path:
    """Return the path of an input, which is downloaded into the folder of outlooks if it is on a server."""
    if not is_address(given):
        return Path(given)
    folder = OutlookFolder.open(options.output)
    box = (options.lat, options.lon)
    downloads = folder.path / ".downloads"
    return download(given, box, options.days, options.value_column, downloads, OUTLOOK.say, quiet=options.quiet)


def _identity(run: Run) -> str:
    return hashlib.sha256(run.plan.to_json().encode()).hexdigest()


def _input_of(source: Source, options: argparse.Namespace) -> OutlookInput:
    """Return the grid, after checking that an outlook can be made of it."""
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING})
    given = EventRequest() if options.baseline is None else baseline_request(options.baseline)
    with named(source.path):
        if not is_grid(source.files[0]):
            raise FileError("is not NetCDF or Zarr; an outlook needs a grid")
        selection = selection_of(options, OUTLOOK, device_of(options))
        model = models_for_grid(selection, lambda: require_days(step_of_files(source.files, reading)))
        model.check(options.horizon, options.levels)
        if not model.is_universal:
            raise ScoringError(f"{model.name} is a network of one place; an outlook needs a universal one")
        with open_files(source.files, reading) as field:
            usual = usual_of(field, options.baseline, given.period)
            events = events_of(usual, given, options.paths)
            grid = (source.path, source.files, reading, options.horizon, options.levels, events, model, usual)
            input_ = OutlookInput(*grid)
            input_.check(field)
    return input_


def _publish(run: Run, result: Result, work: WorkFolder, folder: OutlookFolder, *, quiet: bool) -> Path:
    """Write the file, the maps and the page, and give the outlook its name; returns its path."""
    input_ = run.input
    assert isinstance(input_, OutlookInput)
    complete = work.path / "complete"
    remove(complete)
    complete.mkdir()
    job = input_.job(work.staged)
    file, issued = complete / run.output.name, np.datetime64(job.layout.issued, "s")
    begun = time.perf_counter()
    input_.write(work, run.plan, {}, file)
    written = time.perf_counter()
    caption = _caption(run, job, input_.usual.text)
    with open_files(input_.files[:1], input_.options) as field:
        axes = axes_of(field)
    assert axes is not None
    pictures = draw_all(file, run.plan.output, axes, caption, complete, quiet=quiet)
    title = f"Outlook of the sea surface from {short(issued)}"
    (complete / PAGE).write_text(page(title, caption, file.name, pictures), encoding="utf-8")
    result.parts |= {"write": written - begun, "draw": time.perf_counter() - written}
    result.seconds = time.perf_counter() - run.begun
    described = {
        "run": _identity(run),
        "issued": f"{issued}Z",
        "title": title,
        "caption": caption,
        "usual": asdict(input_.usual),
        "file": file.name,
        **pictures.description(),
        "summary": summary_of(run, result),
    }
    (complete / DESCRIPTION).write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder.publish(complete, str(issued.astype("datetime64[D]")), work)


def _caption(run: Run, job: GridJob, usual: str) -> list[str]:
    """Return the lines below every map."""
    issued = short(np.datetime64(job.layout.issued, "s"))
    return [
        f"Forecast by {run.plan.model} {run.plan.version} from {job.layout.name} of {run.input.path.name}, observed "
        f"until {issued}.",
        f"Usual: {usual}.",
    ]
