"""Verification of outlooks: what they said of each cell, against the grid that came; one outlook at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from pydantic import BaseModel

from forecasting.errors import FileError
from forecasting.evaluation.event_states import states_of_days
from forecasting.events.detection import DAYS_AFTER, DAYS_BEFORE
from forecasting.models.universal.references import REFERENCES
from forecasting.readers.grid.fields import Field
from forecasting.readers.options import ReadingOptions
from forecasting.scores.events import verify_states
from forecasting.scores.verification import (
    Intervals,
    LeadSums,
    LeadVerification,
    common_pairs,
    quantiles_of,
)
from forecasting.series.times import Bools, Floats, Times
from scoring.events import STATES, EventVerification
from scoring.grids.field import open_files
from scoring.outlook.aligned import SAME_DEGREES, AlignedGrid, Axes, Values
from scoring.outlook.grid import COLD_SPELL, HEATWAVE
from scoring.source import named

OCEAN: Final = "ocean"
_SIGNS: Final = {HEATWAVE: 1.0, COLD_SPELL: -1.0}
_ACTIVE: Final = len(STATES) - 1
_TROPIC, _CIRCLE = 23.5, 66.5
_HUNDREDTHS: Final = 101
_THRESHOLDS_KEPT: Final = 64
_ROWS_AT_ONCE: Final = 64


@dataclass(frozen=True)
class Region:
    """A box of latitudes and longitudes, which may cross the date line.

    Attributes:
        south: degrees north, as ``north``; a cell on the edge is inside.
        west: degrees east, as ``east``.
    """

    name: str
    south: float
    north: float
    west: float = -180.0
    east: float = 180.0

    def holds(self, cells: Axes) -> Bools:
        """Return whether each cell is inside, ``(rows, columns)``."""
        wide = self.east - self.west if self.east >= self.west else self.east - self.west + 360
        rows: Bools = (cells.lat >= self.south) & (cells.lat <= self.north)
        columns: Bools = np.full(len(cells.lon), True) if wide >= 360 else (cells.lon - self.west) % 360 <= wide
        return rows[:, None] & columns


ZONES: Final = (
    Region("arctic", _CIRCLE, 90.0),
    Region("northern mid-latitudes", _TROPIC, _CIRCLE),
    Region("tropics", -_TROPIC, _TROPIC),
    Region("southern mid-latitudes", -_CIRCLE, -_TROPIC),
    Region("antarctic", -90.0, -_CIRCLE),
)
"""The regions that are verified if the user names none."""


class RegionVerification(BaseModel, frozen=True):
    """Scores of the forecasts of a region, weighted by the area of cells.

    Attributes:
        events: scores of the probabilities of heatwaves and cold spells, by event and lead.
    """

    region: str
    leads: tuple[LeadVerification, ...]
    events: tuple[EventVerification, ...]


class OutlookVerification(BaseModel, frozen=True):
    """Scores of a folder of outlooks.

    Attributes:
        outlooks: number of outlooks.
        verified_outlooks: number of those with a forecast that could be verified.
        issued: number of forecasts, each cell and lead counted.
        verified: those of them that have an observation, and all references.
    """

    outlooks: int
    verified_outlooks: int
    issued: int
    verified: int
    regions: tuple[RegionVerification, ...]


@dataclass(frozen=True, eq=False)
class IssuedOutlook:
    """The file of one outlook, open for reading."""

    field: Field
    axes: Axes

    @property
    def days(self) -> Times:
        """The valid day of each lead."""
        return self.field.times.astype("datetime64[D]")

    @property
    def names(self) -> list[str]:
        """The names of the variables."""
        return [str(name) for name in self.field.data.data_vars]

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """The levels of the intervals, in percent."""
        return tuple(sorted(int(name[6:]) for name in self.names if name.startswith("lower_") and name[6:].isdigit()))

    def values(self, name: str, lead: int | None) -> npt.NDArray[Any]:
        """Return a variable at a lead, or one that has none, ``(rows, columns)``."""
        data = self.field.data[name]
        at = data if lead is None else data.isel({self.field.along: lead - 1})
        values: npt.NDArray[Any] = at.transpose(*self.axes.dims).values
        return values


@contextmanager
def opened_outlook(file: Path) -> Iterator[IssuedOutlook]:
    """Open the file of an outlook.

    Raises:
        FileError: if it cannot be read, or has no forecasts.
    """
    with named(file):
        options = ReadingOptions(value_column="sst", flags="none", units="celsius")
        with open_files((file,), options) as field:
            yield IssuedOutlook(field, Axes.of(field))


class Thresholds:
    """The thresholds that outlooks were issued with; of several for one day, the one issued last counts.

    Args:
        at: the file and the lead of each day.
    """

    def __init__(self, at: Mapping[np.datetime64, tuple[Path, int]]) -> None:
        self._at = at
        self._kept = lru_cache(maxsize=_THRESHOLDS_KEPT)(self._read)

    def of(self, event: str, day: np.datetime64, size: tuple[int, int]) -> Values:
        """Return the thresholds of a day, °C ``(rows, columns)``, NaN where there is none."""
        found = self._kept(event, day)
        return np.full(size, np.nan, dtype=np.float32) if found is None else found

    def _read(self, event: str, day: np.datetime64) -> Values | None:
        file, lead = self._at.get(day, (None, 0))
        if file is None:
            return None
        name = f"event_{event}_threshold"
        with opened_outlook(file) as issued:
            return issued.values(name, lead).astype(np.float32) if name in issued.names else None


class OutlookScores:
    """Sums over the cells of outlooks, from which all scores follow.

    Args:
        cells: the grid of the outlooks.
        regions: to score besides the whole ocean.
        references: to compare with.
        mapped: whether to keep the errors of each cell.
    """

    def __init__(self, cells: Axes, regions: Sequence[Region], references: Sequence[str], *, mapped: bool) -> None:
        self.cells, self.references, self.mapped = cells, tuple(references), mapped
        self._inside = {OCEAN: np.full(cells.size, True)} | {region.name: region.holds(cells) for region in regions}
        self._area = np.broadcast_to(np.cos(np.deg2rad(cells.lat))[:, None], cells.size).astype(np.float64)
        self._sums: dict[tuple[str, int], LeadSums] = {}
        self._cases: dict[tuple[str, str, int], list[npt.NDArray[np.float64]]] = {}
        self._squares: dict[int, npt.NDArray[np.float32]] = {}
        self.issued = self.verified = self.outlooks = self.verified_outlooks = 0

    def add(self, issued: IssuedOutlook, observed: AlignedGrid, thresholds: Thresholds, leads: Sequence[int]) -> None:
        """Add an outlook at some leads."""
        before = self.verified
        present = [lead for lead in leads if lead <= len(issued.days)]
        for lead in present:
            self._add_lead(issued, lead, observed.on(issued.days[lead - 1]))
        self.outlooks += 1
        self.verified_outlooks += self.verified > before
        for event, sign in _SIGNS.items():
            if {f"event_{event}_{name}" for name in ("probability", "threshold", "state")} <= {*issued.names}:
                self._add_event(issued, event, sign, observed, thresholds, present)

    def _add_lead(self, issued: IssuedOutlook, lead: int, observed: Values) -> None:
        sst = issued.values("sst", lead)
        references = {name: issued.values(name, lead) for name in self.references if name in issued.names}
        pairs = np.isfinite(observed) & np.isfinite(sst)
        for values in references.values():
            pairs &= np.isfinite(values)
        if len(references) < len(self.references):
            pairs[:] = False
        self.issued, self.verified = self.issued + int(np.isfinite(sst).sum()), self.verified + int(pairs.sum())
        if not pairs.any():
            return
        bounds = {
            level: (issued.values(f"lower_{level}", lead), issued.values(f"upper_{level}", lead))
            for level in issued.levels
        }
        for region, inside in self._inside.items():
            at = pairs & inside
            intervals: Intervals = {level: (_at(low, at), _at(high, at)) for level, (low, high) in bounds.items()}
            predicted = _at(sst, at)
            self._sums.setdefault((region, lead), LeadSums()).add(
                _at(observed, at),
                predicted,
                {name: _at(values, at) for name, values in references.items()},
                intervals={"issued": intervals},
                quantiles=quantiles_of(predicted, intervals),
                weights=self._area[at],
            )
        if self.mapped:
            errors = [np.where(pairs, values - observed, 0) ** 2 for values in (sst, *references.values())]
            stacked = np.stack([pairs, *errors]).astype(np.float32)
            self._squares[lead] = self._squares.get(lead, np.zeros_like(stacked)) + stacked

    def _add_event(
        self,
        issued: IssuedOutlook,
        event: str,
        sign: float,
        observed: AlignedGrid,
        thresholds: Thresholds,
        leads: Sequence[int],
    ) -> None:
        first, last = issued.days[0] - DAYS_BEFORE, issued.days[-1] + DAYS_AFTER
        days = np.arange(first, last + 1)
        sst = np.stack([observed.on(day) for day in days], axis=-1)
        limit = np.stack([thresholds.of(event, day, self.cells.size) for day in days], axis=-1)
        ahead = slice(DAYS_BEFORE, DAYS_BEFORE + len(issued.days))
        blocks = (slice(i, i + _ROWS_AT_ONCE) for i in range(0, self.cells.size[0], _ROWS_AT_ONCE))
        happened = np.concatenate([states_of_days(sst[rows], limit[rows], sign)[..., ahead] for rows in blocks])
        state = issued.values(f"event_{event}_state", None)
        for lead in leads:
            probability = issued.values(f"event_{event}_probability", lead)
            came = happened[..., lead - 1]
            known = np.isfinite(came) & np.isfinite(probability) & np.isfinite(state) & (state >= 0)
            hundredths = np.round(100 * np.where(known, probability, 0)).astype(np.int64)
            codes = 4 * hundredths + 2 * (np.where(known, came, 0) == 1) + (state == _ACTIVE)
            for region, inside in self._inside.items():
                at = known & inside
                if at.any():
                    area = self._area[at]
                    cases = np.bincount(codes[at], area * (len(area) / area.sum()), 4 * _HUNDREDTHS)
                    some = np.flatnonzero(cases)
                    number = np.full(len(some), issued.days[0].astype(np.int64))
                    rows = np.stack([number, some // 4 / 100, some // 2 % 2, some % 2, cases[some]])
                    self._cases.setdefault((region, event, lead), []).append(rows)

    def verification(self) -> OutlookVerification:
        """Return the scores of all outlooks."""
        regions = []
        for region in self._inside:
            leads = [sums.scores(lead) for (name, lead), sums in sorted(self._sums.items()) if name == region]
            if any(lead.n for lead in leads):
                kept = tuple(lead for lead in leads if lead.n)
                regions.append(RegionVerification(region=region, leads=kept, events=tuple(self._events(region))))
        return OutlookVerification(
            outlooks=self.outlooks,
            verified_outlooks=self.verified_outlooks,
            issued=self.issued,
            verified=self.verified,
            regions=tuple(regions),
        )

    def _events(self, region: str) -> Iterator[EventVerification]:
        for name, event, lead in sorted(self._cases):
            if name == region:
                days, probability, happened, before, weights = np.concatenate(self._cases[name, event, lead], axis=1)
                until = days.astype(np.int64).astype("datetime64[D]")
                score = verify_states(lead, happened, probability, before, until, weights)
                if score is not None:
                    yield EventVerification(event=event, lead=lead, score=score)

    def maps(self) -> xr.Dataset:
        """Return the RMSE of each cell, °C, and the skill over its best reference, by lead."""
        leads = sorted(self._squares)
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = np.stack([self._squares[lead] for lead in leads])
            rmse = np.sqrt(sums[:, 1:] / sums[:, :1])
            skill = 1 - rmse[:, 0] / rmse[:, 1:].min(axis=1) if self.references else np.full_like(rmse[:, 0], np.nan)
        dims = ("lead", "lat", "lon")
        degrees = {"units": "degree_Celsius", "units_metadata": "temperature: difference"}
        best = "1 - RMSE / that of the best of " + ", ".join(self.references)
        return xr.Dataset(
            {
                "n": (dims, sums[:, 0].astype(np.int32), {"long_name": "number of verified outlooks", "units": "1"}),
                "rmse": (dims, rmse[:, 0], {"long_name": "root mean square error of the forecast", **degrees}),
                "skill": (dims, np.where(np.isfinite(skill), skill, np.nan), {"long_name": best, "units": "1"}),
            },
            {
                "lead": ("lead", leads, {"long_name": "days after the last observation", "units": "day"}),
                "lat": ("lat", self.cells.lat, {"standard_name": "latitude", "units": "degrees_north"}),
                "lon": ("lon", self.cells.lon, {"standard_name": "longitude", "units": "degrees_east"}),
            },
            {"Conventions": "CF-1.11", "title": "Scores of outlooks of the sea surface temperature"},
        )


def _at(values: npt.NDArray[Any], at: Bools) -> Floats:
    return values[at].astype(np.float64)


def references_of(issued: IssuedOutlook) -> tuple[str, ...]:
    """Return the references that nearly all forecasts of an outlook have; others are not compared with."""
    sst = issued.values("sst", 1).ravel().astype(np.float64)
    known: dict[str, Floats] = {
        str(name): issued.values(name, 1).ravel().astype(np.float64) for name in REFERENCES if name in issued.names
    }
    return common_pairs(sst, sst, known).baselines


def verify_outlooks(
    files: Sequence[Path],
    observed: AlignedGrid,
    cells: Axes,
    regions: Sequence[Region],
    leads: Sequence[int] | None,
    *,
    mapped: bool,
) -> OutlookScores:
    """Score outlooks against the grid that came; references are those of the last one.

    Args:
        files: of the outlooks, in the order of their days.
        observed: the grid, on the cells of the last outlook.
        cells: of the last outlook.
        regions: to score besides the whole ocean.
        leads: to score; None for all.
        mapped: whether to keep the errors of each cell.

    Raises:
        FileError: if a file cannot be read, or has another grid.
    """
    at: dict[np.datetime64, tuple[Path, int]] = {}
    longest = 0
    for file in files:
        with opened_outlook(file) as issued:
            same = issued.axes.size == cells.size and all(
                np.allclose(ours, theirs, rtol=0, atol=SAME_DEGREES)
                for ours, theirs in ((cells.lat, issued.axes.lat), (cells.lon, issued.axes.lon))
            )
            if not same:
                raise FileError(f"{file}: has another grid than {files[-1]}; verify each in a folder of its own")
            longest = max(longest, len(issued.days))
            at |= {day: (file, lead) for lead, day in enumerate(issued.days, 1)}
    with opened_outlook(files[-1]) as newest:
        references = references_of(newest)
    scores = OutlookScores(cells, regions, references, mapped=mapped)
    thresholds = Thresholds(at)
    chosen = [lead for lead in range(1, longest + 1) if leads is None or lead in leads]
    for file in files:
        with opened_outlook(file) as issued:
            scores.add(issued, observed, thresholds, chosen)
    return scores
