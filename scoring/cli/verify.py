"""``sst verify``: from its options to its scores as a table, as CSV or as JSON."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from forecasting.console import aligned, csv_text
from forecasting.disk import write_whole
from forecasting.errors import FileError, SeriesError
from forecasting.evaluation.event_states import EventVerification
from forecasting.readers.options import ReadingOptions
from forecasting.references.baselines import REFERENCES
from forecasting.scores.events import BIN_EDGES, PERSISTENCE
from forecasting.series.times import parse_time
from forecasting.series.timestep import length_of
from forecasting.wording import counted, listed
from scoring.archive.archive import Archive
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.archive.others import OtherStations
from scoring.archive.verification import ArchiveVerification, Group, verify_archive
from scoring.cli.arguments import DONE, READING_TABLES, VERIFY
from scoring.errors import NothingToForecastError, ScoringError
from scoring.outlook.aligned import Axes, aligned_grid
from scoring.outlook.folder import DESCRIPTION, OutlookFolder
from scoring.outlook.issued import issued_outlooks
from scoring.outlook.others import OtherGrid
from scoring.outlook.verification import ZONES, OutlookVerification, Region, RegionVerification, verify_outlooks
from scoring.source import find_source, is_grid, named

_DAY: Final = "YYYY-MM-DD"
_OURS: Final = "best"
_ERRORS: Final = ("mae", "rmse", "bias", "crps")
_HEADINGS: Final = {"mae": "MAE", "rmse": "RMSE", "bias": "bias", "crps": "CRPS"}

Row = dict[str, Any]
Part = Group | RegionVerification


def verify(options: argparse.Namespace) -> int:
    """Print the scores of an archive; returns the exit status."""
    if _has_outlooks(options.archive):
        print(_written(_verify_outlooks(options), options.format), end="")
        return DONE
    for option, given in (("--region", options.regions), ("--maps", options.maps)):
        if given:
            raise ScoringError(f"{option} is for a folder of outlooks, but {options.archive} is none")
    print(_written(_verify(options), options.format), end="")
    return DONE


def _has_outlooks(folder: Path) -> bool:
    return (folder / DESCRIPTION).is_file() or any(folder.glob(f"*/{DESCRIPTION}"))


def _verify_outlooks(options: argparse.Namespace) -> OutlookVerification:
    if options.by is not None or options.resample is not None:
        given = "--by" if options.by is not None else "--resample"
        raise ScoringError(f"{given} is for an archive, but {options.archive} is a folder of outlooks")
    begin, end = _time(options.begin, "--from"), _time(options.end, "--to", last=True)
    source = find_source(options.observations, grid=True)
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING_TABLES})
    with ExitStack() as stack:
        outlooks = stack.enter_context(issued_outlooks())
        files = [
            file
            for file in OutlookFolder(options.archive).newest_of_days()
            if (begin is None or outlooks[file].reference >= begin) and (end is None or outlooks[file].reference <= end)
        ]
        if not files:
            raise NothingToForecastError(
                f"nothing could be verified: {options.archive} has no outlooks from this period"
            )
        cells = outlooks[files[-1]].axes
        regions = _regions(options, cells)
        others = [stack.enter_context(OtherGrid(name, path, cells)) for name, path in _others(options)]
        with named(source.path):
            if not is_grid(source.files[0]):
                raise FileError("is not NetCDF or Zarr; outlooks are verified by a grid")
            observed = stack.enter_context(aligned_grid(source.files, reading, cells))
            mapped = options.maps is not None
            scores = verify_outlooks(outlooks, files, observed, regions, options.leads, others, mapped=mapped)
    last, missed = observed.days()[-1], cells.size[0] * cells.size[1] - observed.cells
    if missed:
        VERIFY.say(f"{source.path} has no values for {counted(missed, 'cell')} of the outlooks")
    verification = scores.verification()
    VERIFY.say(
        f"{verification.verified:,} of {verification.issued:,} forecasts of cells verified, from "
        f"{verification.verified_outlooks} of {counted(verification.outlooks, 'outlook')}"
    )
    if not verification.verified:
        raise NothingToForecastError(
            f"nothing could be verified: {source.path} ends on {last}, and has no value on a valid day of the outlooks"
        )
    for other in others:
        absent = f", has no values for {counted(other.missed, 'cell')} of the outlooks" if other.missed else ""
        coarse = "" if other.is_same else ", has other cells: each of the outlooks' takes the one that it is in"
        VERIFY.say(f"{other.name}: {scores.compared_with(other.name):,} forecasts of cells in common{absent}{coarse}")
    if options.maps is not None:
        write_whole(options.maps, bytes(scores.maps().to_netcdf(engine="h5netcdf")))
    return verification


def _regions(options: argparse.Namespace, cells: Axes) -> Sequence[Region]:
    regions = [Region(*given) for given in options.regions]
    for region in regions:
        if not region.holds(cells).any():
            raise ScoringError(f"--region {region.name}: the outlooks have no cell in it")
    return regions or ZONES


def _others(options: argparse.Namespace) -> list[tuple[str, Path]]:
    """Return names and paths of the other forecasts."""
    names = Counter(name for name, _ in options.others)
    for name, path in options.others:
        if name in (_OURS, *REFERENCES):
            raise ScoringError(f"--other {path}: {name} is the name of our own forecasts; name it NAME={path}")
        if names[name] > 1:
            raise ScoringError(f"--other {path}: several forecasts are called {name}; name each, as in NAME={path}")
    others: list[tuple[str, Path]] = options.others
    return others


def _verify(options: argparse.Namespace) -> ArchiveVerification:
    begin, end = _time(options.begin, "--from"), _time(options.end, "--to", last=True)
    forecasts = IssuedForecasts(Archive(options.archive), begin, end)
    leads = _leads(forecasts, options)
    source = find_source(options.observations, grid=False)
    for file in source.files:
        with named(file):
            if is_grid(file):
                raise FileError("is a grid; name tables with the observations of stations")
    reading = ReadingOptions.from_values({name: getattr(options, name) for name in READING_TABLES})
    with named(source.path):
        observations = Observations.read(source.files, reading, forecasts.steps())
    for note in observations.notes:
        VERIFY.say(note)
    for name in forecasts.heat_stress_without_levels():
        VERIFY.say(
            f"{name}: degree heating weeks are verified by the probabilities of their alert levels, which an earlier "
            "version did not store; new runs store them"
        )
    others = [OtherStations.read(name, path) for name, path in _others(options)]
    verification = verify_archive(forecasts, observations, leads, others, by_month=options.by == "month")
    _tell(verification)
    if not verification.verified:
        raise NothingToForecastError(f"nothing could be verified: {_why(verification, observations)}")
    return verification


def _time(text: str | None, option: str, *, last: bool = False) -> np.datetime64 | None:
    """Return the time of an option; of a day, its first second or its ``last``."""
    if text is None:
        return None
    try:
        time = parse_time(text)
    except SeriesError as error:
        raise ScoringError(f"{option} {text[:40]}: {error}") from None
    is_day = len(text) == len(_DAY)
    return time + np.timedelta64(86_399, "s") if last and is_day else time


def _leads(forecasts: IssuedForecasts, options: argparse.Namespace) -> list[int]:
    known = forecasts.leads()
    if not known:
        raise NothingToForecastError(
            f"nothing could be verified: {options.archive} has no forecasts from this period; their last observations "
            f"are from {forecasts.period()}"
        )
    wanted = known if options.leads is None else [lead for lead in options.leads if lead in known]
    if not wanted:
        raise ScoringError(f"--lead: {options.archive} has leads {known[0]} to {known[-1]}")
    return wanted


def _tell(verification: ArchiveVerification) -> None:
    waiting = verification.issued - verification.verified
    parts = [
        f"{verification.verified:,} of {verification.issued:,} forecasts verified, from "
        f"{counted(verification.stations, 'station')}"
    ]
    if waiting:
        parts.append(f"{waiting:,} without an observation at their valid time")
    if verification.replayed:
        parts.append(
            f"{verification.replayed:,} of the verified forecasts were issued more than two steps after their last "
            "observation"
        )
    if verification.absent:
        parts.append(f"{counted(len(verification.absent), 'station')} not among the observations")
    parts += [f"{counted(count, 'station')}: {why}" for why, count in verification.missing.items()]
    VERIFY.say("; ".join(parts))


def _why(verification: ArchiveVerification, observations: Observations) -> str:
    if verification.missing:
        return max(verification.missing, key=verification.missing.__getitem__)
    if verification.absent:
        return (
            f"the forecasts are for {listed(verification.absent, 5)}, but the observations are for "
            f"{listed(sorted(observations.stations()), 5)}; the names must be the same, and a table without a column "
            "of stations is one station with the name of its file"
        )
    return "the observations have no value at the valid time of any forecast"


def _written(verification: ArchiveVerification | OutlookVerification, form: str) -> str:
    """Return the scores in a form: ``table``, ``csv`` or ``json``; temperatures are in °C."""
    if form == "json":
        return verification.model_dump_json(indent=1) + "\n"
    parts: Sequence[Part] = (
        verification.regions if isinstance(verification, OutlookVerification) else verification.groups
    )
    if form == "table":
        return "\n".join(map(_part, parts))
    keys = ("region",) if isinstance(verification, OutlookVerification) else ("asked", "step", "month")
    rows = pd.DataFrame([{key: getattr(part, key) for key in keys} | row for part in parts for row in _rows(part)])
    return csv_text(rows[_in_order([*rows.columns])])


def _part(part: Part) -> str:
    """Return a title and the aligned scores of a part."""
    rows = list(_rows(part))
    names = _in_order(list(dict.fromkeys(name for row in rows for name in row if name != "kind")))
    lines = [[_heading(name) for name in names]]
    before = None
    for row in rows:
        lead = row["lead"] if row["lead"] != before else ""
        before = row["lead"]
        lines.append([_cell(name, {**row, "lead": lead}.get(name)) for name in names])
    events = f"\n{_event_table(part.events)}" if part.events else ""
    return f"{_title(part)}; °C\n" + aligned(lines, {"model"}) + events


def _title(part: Part) -> str:
    if isinstance(part, RegionVerification):
        return part.region
    return f"{part.asked}, every {length_of(part.step)}" + ("" if part.month is None else f", {part.month}")


def _rows(group: Part) -> Iterator[Row]:
    for scores in group.leads:
        for model in scores.models:
            row: Row = {"lead": scores.lead, "model": model.model, "kind": model.kind, "n": model.n}
            row |= {name: getattr(model, name) for name in _ERRORS}
            row |= {f"skill_{name}": value for name, value in model.skill.items()}
            row |= {f"coverage_{level}": kinds["issued"] for level, kinds in model.coverage.items()}
            yield row


def _in_order(names: Sequence[str]) -> list[str]:
    """Return the names with skills before coverages, and the levels of these in ascending order."""
    levels = sorted((name for name in names if name.startswith("coverage_")), key=lambda name: int(name[9:]))
    return [name for name in names if not name.startswith("coverage_")] + levels


def _heading(name: str) -> str:
    kind, _, rest = name.partition("_")
    if kind == "skill":
        return f"vs {rest}"
    return f"in {rest} %" if kind == "coverage" else _HEADINGS.get(name, name)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.startswith("coverage_"):
        return f"{100 * value:.0f} %"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _event_table(events: Sequence[EventVerification]) -> str:
    """Return a line for each lead of each event; its last columns are the reliability table.

    ``3/45`` below ``10-30 %``: of 45 probabilities from 10 to 30 %, 3 came true.
    """
    bins = [
        (BIN_EDGES[i], f"{100 * BIN_EDGES[i]:.0f}-{100 * BIN_EDGES[i + 1]:.0f} %") for i in range(len(BIN_EDGES) - 1)
    ]
    lines = [["lead", "event", "n", "happened", "Brier", f"vs {PERSISTENCE}", *(title for _, title in bins)]]
    for event in events:
        score = event.score
        skill = score.skill[PERSISTENCE].value
        cells = {part.minimum: f"{round(part.frequency * part.n)}/{part.n}" for part in score.reliability}
        lines.append(
            [
                str(event.lead),
                event.event if event.level is None else f"{event.event}, {event.level}",
                str(score.n),
                f"{100 * score.frequency:.0f} %",
                f"{score.brier:.3f}",
                "" if skill is None else f"{skill:.3f}",
                *(cells.get(minimum, "") for minimum, _ in bins),
            ]
        )
    return aligned(lines, {"event"})
