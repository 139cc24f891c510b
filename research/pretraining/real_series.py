"""Real series that universal networks are trained on beside simulated ones, and how regions share them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from forecasting.climatology.annual_cycle import COEFFICIENTS, evaluate
from forecasting.errors import FileError, RequestError, SeriesError
from forecasting.extras import needs_extra
from forecasting.models.base import climatology_at
from forecasting.readers import read
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, unix_seconds
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.weather import COVARIATES, WeatherReader
from forecasting.wording import counted
from research.pretraining.examples import Panel
from research.spec import Spec

PLACES: Final = "places.csv"
"""Table of the places of a folder of real series."""

_REQUIRED: Final = ("place", "step", "region", "latitude", "longitude")
TRAIN: Final = "train"
TEST: Final = "test"
"""Parts of a folder: the places to train on, and those that the networks are scored on."""

_PARTS: Final = (TRAIN, "validation", TEST)
_UNKNOWN_POSITIONS: Final = {name: ["", "nan", "NaN", "NA"] for name in ("latitude", "longitude")}

_OVERLAP: Final = 2
"""Stretches that each value is in, of those that training can choose from."""


@dataclass(frozen=True, eq=False)
class RealSeries:
    """A real series at the time step of the networks."""

    name: str
    region: str
    series: SstSeries
    climatology: Floats


def read_real_series(spec: Spec, paths: Sequence[Path], part: str = TRAIN) -> list[RealSeries]:
    """Read every series of some files and folders that belongs to a part.

    The series of a file count as a region. A folder contains ``places.csv``, with the columns ``place``, ``step``,
    ``region``, ``latitude`` and ``longitude``, and for each step a file such as ``day.parquet``, with the columns
    ``place``, ``time`` (UTC, start of the step) and ``sst`` (°C); there may be ``air_temperature`` (°C) and
    ``wind_speed`` (m/s). Rows of ``places.csv`` are left out if their ``open``
    is false or their ``part`` is another, where there are such columns. Files, and folders without parts, are to train
    on.
    """
    series: list[RealSeries] = []
    for path in paths:
        if path.is_dir():
            series += _read_folder(spec, path, part)
        elif part == TRAIN:
            series += _read_file(spec, path)
    return series


def summary(series: Sequence[RealSeries]) -> tuple[str, ...]:
    """Return the names of the regions with the number of their places; the only series of a file by its own name."""
    regions: dict[str, list[str]] = {}
    for real in series:
        regions.setdefault(real.region, []).append(real.name)
    return tuple(
        names[0] if len(names) == 1 and names[0].startswith(region) else f"{region} ({counted(len(names), 'place')})"
        for region, names in regions.items()
    )


def _read_file(spec: Spec, path: Path) -> list[RealSeries]:
    reading, members = read(path), []
    if not reading.stations:
        raise reading.error or FileError("no series found")
    for station in reading.stations:
        name = path.name if station.name is None else f"{path.name} ({station.name})"
        if station.series is None:
            raise FileError(f"{name}: {station.problem}")
        if str(station.series.step) != spec.step:
            raise FileError(
                f"{name} has steps of {in_words(str(station.series.step))}, but the networks forecast steps of "
                f"{in_words(spec.step)}; leave the file out, or resample it"
            )
        observed, fewest = int(np.isfinite(station.series.values).sum()), spec.minimum + spec.horizon
        if observed < fewest:
            raise FileError(f"{name}: {observed} values are too few to train on; {fewest} are needed")
        usual = _climatology_of(station.position or (np.nan, np.nan))
        members.append(RealSeries(name, path.name, station.series, usual))
    return members


def _read_folder(spec: Spec, folder: Path, part: str) -> list[RealSeries]:
    """Read the series of a part of a folder at the step of ``spec``; those that are too short are left out."""
    with needs_extra("columns", "Training on a folder of series"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    table = folder / f"{spec.step}.parquet"
    try:
        names = dict.fromkeys(("place", "region", "part"), str)
        places = pd.read_csv(folder / PLACES, dtype=names, keep_default_na=False, na_values=_UNKNOWN_POSITIONS)
        with table.open("rb") as file:
            known = [name for name in COVARIATES if name in pq.read_schema(file).names]
            values = pq.read_table(file, columns=["place", "time", "sst", *known]).to_pandas()
    except OSError as error:
        raise FileError(f"{error.filename}: {error.strerror}") from None
    except (ValueError, pa.ArrowInvalid) as error:
        raise FileError(f"{folder} cannot be read: {error}") from None
    places = _usable(places, spec, folder, part)
    climatologies, regions = _climatologies(places, folder), places["region"].astype(str).to_dict()
    step, fewest, members = TimeStep.parse(spec.step), spec.minimum + spec.horizon, []
    values = values[values["place"].isin(places.index)]
    for name, rows in values.groupby("place", observed=True):
        seen = rows["sst"].notna().to_numpy()
        if seen.sum() < fewest:
            continue
        try:
            times = pd.to_datetime(rows["time"], utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[s]")
            sst = rows["sst"].to_numpy(dtype=np.float64)
            series = SstSeries.from_observations(times[seen], sst[seen], step=step)
            columns = {covariate: rows[covariate].to_numpy(dtype=np.float64) for covariate in known}
            weather = WeatherReader(step, series.start, series.values).of_rows(times, columns) if columns else None
            series = replace(series, weather=weather)
        except (SeriesError, ValueError) as error:
            raise FileError(f"{table}: {name}: {error}") from None
        members.append(RealSeries(str(name), regions[name], series, climatologies[str(name)]))
    if not members and part == TRAIN:
        of_part = f" in the part {TRAIN}" if "part" in places else ""
        raise FileError(
            f"{folder} has no series of at least {fewest} values at steps of {in_words(spec.step)}{of_part}"
        )
    return members


def _usable(places: pd.DataFrame, spec: Spec, folder: Path, part: str) -> pd.DataFrame:
    """Return the places of a part at the step of ``spec``, by name."""
    missing = [name for name in _REQUIRED if name not in places]
    if missing:
        raise FileError(f"{folder / PLACES} has no column {missing[0]!r}; expected {', '.join(_REQUIRED)}")
    places = places[places["step"] == spec.step]
    for problem, wrong in _problems(places):
        if wrong.any():
            raise FileError(f"{folder / PLACES}: {problem}: {places['place'][wrong].iloc[0]!r}")
    usable = pd.Series(True, places.index)
    if "open" in places:
        if places["open"].dtype != bool:
            raise FileError(f"{folder / PLACES}: expected True or False in every row of the column open")
        usable &= places["open"]
    if "part" in places or part != TRAIN:
        usable &= places.get("part") == part
    return places[usable].set_index("place")


def _problems(places: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[bool]"]]:
    """Yield what may be wrong with the names and parts of places, and where it is."""
    yield "a place without a name", places["place"] == ""
    yield "a place without a region", places["region"] == ""
    yield "a place has two rows for the step", places["place"].duplicated()
    if "part" in places:
        yield f"the part of a place is not {', '.join(_PARTS[:-1])} or {_PARTS[-1]}", ~places["part"].isin(_PARTS)
        parts = places.groupby("region")["part"].transform("nunique")
        yield "the region of a place is in several parts", parts > 1


def _climatologies(places: pd.DataFrame, folder: Path) -> dict[str, Floats]:
    """Return the coefficients of each place."""
    climatologies = {}
    for place, *position in places[["latitude", "longitude"]].itertuples():
        try:
            climatologies[place] = _climatology_of(position)
        except (RequestError, ValueError) as error:
            raise FileError(f"{folder / PLACES}: {place}: {error}") from None
    return climatologies


def _climatology_of(position: Sequence[float]) -> Floats:
    """Return the coefficients at a position, ``(7,)``; NaN where a coordinate is not known."""
    coefficients: Floats = climatology_at(np.array([position], dtype=np.float64))[0].astype(np.float64)
    return coefficients


def real_panel(spec: Spec, series: Sequence[RealSeries], at_most: int, random: np.random.Generator) -> Panel:
    """Cut stretches from series, all regions alike and all places of a region alike; half of them show their position.

    See :func:`draw_stretches`.
    """
    size = spec.training_steps
    stretches = draw_stretches(spec, series, at_most, size, random)
    n = len(stretches)
    sst, last = np.full((n, size), np.nan), np.empty(n)
    climatology = np.full((n, COEFFICIENTS), np.nan)
    for row, (real, end, shown) in enumerate(stretches):
        stretch = real.series.values[max(0, end - size) : end]
        sst[row, size - len(stretch) :] = stretch
        last[row] = unix_seconds(real.series.times[end - 1 : end])[0]
        if shown:
            climatology[row] = real.climatology
    positioned = np.isfinite(climatology[:, 0])
    before = (np.arange(1 - size, 1) + 0.5) * spec.step_seconds
    usual = np.zeros_like(sst)
    for row in np.flatnonzero(positioned).tolist():
        usual[row] = evaluate(climatology[row], np.round(last[row] + before).astype("datetime64[s]"))
    return Panel(
        torch.from_numpy(sst - usual),
        torch.from_numpy(sst),
        torch.from_numpy(last),
        torch.from_numpy(positioned.astype(np.float64)),
        torch.from_numpy(climatology),
    )


def draw_stretches(
    spec: Spec, series: Sequence[RealSeries], at_most: int, size: int, random: np.random.Generator
) -> list[tuple[RealSeries, int, bool]]:
    """Draw stretches of ``size`` values: the series of each, its end (exclusive), and whether it shows its position.

    There are ``at_most`` stretches, and from a region no more than can be cut so that each value is in two. The regions
    take turns, so that they share any number of the first stretches alike.
    """
    regions = sorted({real.region for real in series})
    by_region = [[real for real in series if real.region == region] for region in regions]
    most = [sum(math.ceil(len(real.series) * _OVERLAP / size) for real in members) for members in by_region]
    turns = [members for turn in range(max(most)) for members, n in zip(by_region, most, strict=True) if turn < n]
    turns = turns[:at_most]
    stretches = []
    for members, shown in zip(turns, (random.random(len(turns)) < 0.5).tolist(), strict=True):
        real = members[random.integers(len(members))]
        stretches.append((real, _draw_end(real.series, size, spec.minimum + spec.horizon, random), shown))
    return stretches


def _draw_end(series: SstSeries, size: int, fewest: int, random: np.random.Generator) -> int:
    """Draw where a stretch of a series ends, so that it is as long as the series allows and holds enough values."""
    observed = np.concatenate([[0], np.cumsum(np.isfinite(series.values))])
    ends = np.arange(min(size, len(series)), len(series) + 1)
    enough = observed[ends] - observed[np.maximum(ends - size, 0)] >= fewest
    return int(random.choice(ends[enough])) if enough.any() else int(ends[-1])
