"""Verification of outlooks: what they said of each cell, against the grid that came; one outlook at a time."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from pydantic import BaseModel

from forecasting.errors import FileError
from forecasting.evaluation.event_states import (
    EventPairs,
    EventVerification,
    ScoredEvent,
    at_least,
    levels_of_days,
    states_of_days,
)
from forecasting.events.columns import STATES
from forecasting.events.detection import DAYS_AFTER, DAYS_BEFORE
from forecasting.events.heat_stress import LEVEL_PROBABILITIES, WINDOW_DAYS
from forecasting.references.baselines import REFERENCES
from forecasting.scores.verification import LeadVerification, Pairs, Verification
from forecasting.series.times import Bools, Floats, Times
from scoring.errors import ScoringError
from scoring.outlook.aligned import AlignedGrid, Axes, OpenFiles, Values
from scoring.outlook.grid import COLD_SPELL, HEAT_STRESS, HEATWAVE
from scoring.outlook.issued import IssuedOutlook, Thresholds
from scoring.outlook.others import OtherGrid

OCEAN: Final = "ocean"
_SIGNS: Final = {HEATWAVE: 1.0, COLD_SPELL: -1.0}
_ACTIVE: Final = len(STATES) - 1
_TROPIC, _CIRCLE = 23.5, 66.5
_HUNDREDTHS: Final = 101
_ROWS_AT_ONCE: Final = 16
_OF_HEAT_STRESS: Final = {f"event_{HEAT_STRESS}_{name}" for name in ("mmm", "alert", *LEVEL_PROBABILITIES.values())}


@dataclass(frozen=True)
class Region:
    """A box of latitudes and longitudes, which may cross the date line."""

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
    """Scores of the forecasts of a region, weighted by the area of cells."""

    region: str
    leads: tuple[LeadVerification, ...]
    events: tuple[EventVerification, ...]


class OutlookVerification(BaseModel, frozen=True):
    """Scores of a folder of outlooks."""

    outlooks: int
    verified_outlooks: int
    issued: int
    verified: int
    regions: tuple[RegionVerification, ...]


class OutlookScores:
    """Sums over the cells of outlooks, from which all scores follow."""

    def __init__(
        self,
        cells: Axes,
        regions: Sequence[Region],
        references: Sequence[str],
        others: Sequence[OtherGrid] = (),
        *,
        mapped: bool,
    ) -> None:
        self.cells, self.references, self.others, self.mapped = cells, references, others, mapped
        self._inside = {OCEAN: np.arange(cells.size[0] * cells.size[1])} | {
            region.name: np.flatnonzero(region.holds(cells)) for region in regions
        }
        self._area = np.broadcast_to(np.cos(np.deg2rad(cells.lat))[:, None], cells.size).astype(np.float64)
        self._scores = Verification[str](references)
        self._cases = defaultdict[tuple[str, ScoredEvent, int], list[Floats]](list)
        self._squares: dict[int, Values] = {}
        self.outlooks = self.verified_outlooks = 0

    def add(self, issued: IssuedOutlook, observed: AlignedGrid, thresholds: Thresholds, leads: Sequence[int]) -> None:
        """Add an outlook at some leads."""
        before = self._scores.verified
        present = [lead for lead in leads if lead <= len(issued.days)]
        for lead in present:
            self._add_lead(issued, lead, observed.on(issued.days[lead - 1]))
        self.outlooks += 1
        self.verified_outlooks += self._scores.verified > before
        for event, sign in _SIGNS.items():
            if {f"event_{event}_{name}" for name in ("probability", "threshold", "state")} <= {*issued.names}:
                self._add_marine(issued, event, sign, observed, thresholds, present)
        if {*issued.names} >= _OF_HEAT_STRESS:
            self._add_heat_stress(issued, observed, present)

    def _add_lead(self, issued: IssuedOutlook, lead: int, observed: Values) -> None:
        # An older outlook may lack a reference.
        pairs = Pairs(
            observed=observed,
            forecast=issued.values("sst", lead),
            references={name: issued.values(name, lead) for name in self.references if name in issued.names},
            others={other.name: other.on(issued.reference, lead) for other in self.others},
            intervals={
                level: (issued.values(f"lower_{level}", lead), issued.values(f"upper_{level}", lead))
                for level in issued.levels
            },
            weights=self._area,
        )
        common = self._scores.add(lead, pairs, self._inside)
        if self.mapped and common.any():
            self._map(lead, common, pairs)

    def _map(self, lead: int, common: Bools, pairs: Pairs) -> None:
        """Add squared errors of cells: all of ours, then for each baseline those where both have one, and its own."""
        ours, missing = (pairs.forecast - pairs.observed) ** 2, np.full(self.cells.size, np.nan)
        sums = [common, np.where(common, ours, 0)]
        for theirs in [*(pairs.references.get(name, missing) for name in self.references), *pairs.others.values()]:
            both = common & np.isfinite(theirs)
            sums += [np.where(both, ours, 0), np.where(both, (theirs - pairs.observed) ** 2, 0)]
        stacked = np.stack(sums).astype(np.float32)
        self._squares[lead] = self._squares.get(lead, np.zeros_like(stacked)) + stacked

    def _add_marine(
        self,
        issued: IssuedOutlook,
        event: str,
        sign: float,
        observed: AlignedGrid,
        thresholds: Thresholds,
        leads: Sequence[int],
    ) -> None:
        days = np.arange(issued.days[0] - DAYS_BEFORE, issued.days[-1] + DAYS_AFTER + 1)
        limits = [thresholds.of(event, day, self.cells.size) for day in days]
        ahead = slice(DAYS_BEFORE, DAYS_BEFORE + len(issued.days))
        happened = np.concatenate(
            [
                states_of_days(observed.between(days, rows), np.stack([each[rows] for each in limits], axis=-1), sign)[
                    ..., ahead
                ]
                for rows in self._blocks()
            ]
        )
        state = issued.values(f"event_{event}_state", None)
        for lead in leads:
            probability = issued.values(f"event_{event}_probability", lead)
            came = happened[..., lead - 1]
            known = np.isfinite(state) & (state >= 0)
            before = np.where(known, state == _ACTIVE, np.nan)
            self._add_cases(ScoredEvent(event), lead, issued.days[0], probability, came, before)

    def _add_heat_stress(self, issued: IssuedOutlook, observed: AlignedGrid, leads: Sequence[int]) -> None:
        days = np.arange(issued.days[0] - (WINDOW_DAYS - 1), issued.days[-1] + 1)
        usual = issued.values(f"event_{HEAT_STRESS}_mmm", None)
        happened = np.concatenate(
            [levels_of_days(observed.between(days, rows), usual[rows][..., None]) for rows in self._blocks()]
        )
        alert = issued.values(f"event_{HEAT_STRESS}_alert", None)
        for level, column in LEVEL_PROBABILITIES.items():
            event, before = ScoredEvent(HEAT_STRESS, level), at_least(np.where(alert >= 0, alert, np.nan), level)
            for lead in leads:
                came = at_least(happened[..., lead - 1], level)
                probability = issued.values(f"event_{HEAT_STRESS}_{column}", lead)
                self._add_cases(event, lead, issued.days[0], probability, came, before)

    def _blocks(self) -> Iterator[slice]:
        return (slice(i, i + _ROWS_AT_ONCE) for i in range(0, self.cells.size[0], _ROWS_AT_ONCE))

    def _add_cases(
        self,
        event: ScoredEvent,
        lead: int,
        first: np.datetime64,
        probability: Values,
        came: Floats,
        before: Floats,
    ) -> None:
        """Add what came of a probability in each cell, and whether the event was on before: 1, 0 or NaN."""
        known = np.isfinite(came) & np.isfinite(probability) & np.isfinite(before)
        hundredths = np.round(100 * np.where(known, probability, 0)).astype(np.int64)
        codes = 4 * hundredths + 2 * (np.where(known, came, 0) == 1) + (before == 1)
        for region, inside in self._inside.items():
            at = inside[known.take(inside)]
            if len(at):
                area = self._area.take(at)
                cases = np.bincount(codes.take(at), area * (len(area) / area.sum()), 4 * _HUNDREDTHS)
                some = np.flatnonzero(cases)
                number = np.full(len(some), first.astype(np.int64))
                rows = np.stack([number, some // 4 / 100, some // 2 % 2, some % 2, cases[some]])
                self._cases[region, event, lead].append(rows)

    def verification(self) -> OutlookVerification:
        """Return the scores of all outlooks."""
        return OutlookVerification(
            outlooks=self.outlooks,
            verified_outlooks=self.verified_outlooks,
            issued=self._scores.issued,
            verified=self._scores.verified,
            regions=tuple(
                RegionVerification(region=name, leads=leads, events=tuple(self._events(name)))
                for name in self._inside
                if (leads := self._scores.leads(name))
            ),
        )

    def compared_with(self, other: str) -> int:
        """Return how many forecasts of cells the forecasts of others have in common with ours."""
        models = (model for lead in self._scores.leads(OCEAN) for model in lead.models)
        return sum(model.n for model in models if model.kind == "baseline" and model.model == other)

    def _events(self, region: str) -> Iterator[EventVerification]:
        for name, event, lead in sorted(self._cases, key=lambda key: (key[0], key[1].order, key[2])):
            if name == region:
                days, probability, happened, before, weights = np.concatenate(self._cases[name, event, lead], axis=1)
                leads, until = np.full(len(days), lead), days.astype("datetime64[D]")
                yield from EventPairs(leads, until, probability, before, happened, weights).verify(event, [lead])

    def maps(self) -> xr.Dataset:
        """Return the RMSE of each cell, °C, the skill over its best reference and over each of the others, by lead."""
        leads = sorted(self._squares)
        sums = np.stack([self._squares[lead] for lead in leads])
        with np.errstate(divide="ignore", invalid="ignore"):
            rmse = np.sqrt(sums[:, 1] / sums[:, 0])
            skills = 1 - np.sqrt(sums[:, 2::2] / sums[:, 3::2])
        count = len(self.references)
        best = np.fmin.reduce(skills[:, :count], axis=1) if count else np.full_like(rmse, np.nan)
        dims = ("lead", "lat", "lon")
        degrees = {"units": "degree_Celsius", "units_metadata": "temperature: difference"}
        over = "1 - RMSE / that of "
        found = {"skill": (best, f"{over}the best of {', '.join(self.references)}")}
        for i, other in enumerate(self.others, count):
            found[f"skill_{other.name}"] = skills[:, i], f"{over}{other.name}, of the days that both have"
        return xr.Dataset(
            {
                "n": (dims, sums[:, 0].astype(np.int32), {"long_name": "number of verified outlooks", "units": "1"}),
                "rmse": (dims, rmse, {"long_name": "root mean square error of the forecast", **degrees}),
            }
            | {
                name: (dims, np.where(np.isfinite(values), values, np.nan), {"long_name": title, "units": "1"})
                for name, (values, title) in found.items()
            },
            {
                "lead": ("lead", leads, {"long_name": "days after the last observation", "units": "day"}),
                "lat": ("lat", self.cells.lat, {"standard_name": "latitude", "units": "degrees_north"}),
                "lon": ("lon", self.cells.lon, {"standard_name": "longitude", "units": "degrees_east"}),
            },
            {"Conventions": "CF-1.11", "title": "Scores of outlooks of the sea surface temperature"},
        )


def references_of(issued: IssuedOutlook) -> tuple[str, ...]:
    """Return the references that nearly all forecasts of an outlook have; others are not compared with."""
    sst = issued.values("sst", 1)
    return Pairs(
        sst, sst, {name: issued.values(name, 1) for name in REFERENCES if name in issued.names}
    ).shown_references()


def verify_outlooks(
    outlooks: OpenFiles[IssuedOutlook],
    files: Sequence[Path],
    observed: AlignedGrid,
    regions: Sequence[Region],
    leads: Sequence[int] | None,
    others: Sequence[OtherGrid] = (),
    *,
    mapped: bool,
) -> OutlookScores:
    """Score outlooks against the grid that came; references are those of the last one."""
    cells = outlooks[files[-1]].axes
    days = []
    longest = 0
    for file in files:
        if not outlooks[file].axes.are(cells):
            raise FileError(f"{file}: has another grid than {files[-1]}; verify each in a folder of its own")
        longest = max(longest, len(outlooks[file].days))
        days.append(outlooks[file].reference)
    chosen = [lead for lead in range(1, longest + 1) if leads is None or lead in leads]
    for other in others:
        if not any(other.has(day, lead) for day in days for lead in chosen):
            raise ScoringError(
                f"{other.path}: has no forecast from the same day at the same lead: its reference days are "
                f"{_span(other.days)} and its leads {_span(other.leads)}, but the outlooks' are {_span(days)} and "
                f"{_span(chosen)}; a reference day is that of the last observation"
            )
    observed.kept = WINDOW_DAYS + longest + DAYS_AFTER
    scores = OutlookScores(cells, regions, references_of(outlooks[files[-1]]), others, mapped=mapped)
    thresholds = Thresholds(outlooks, files)
    for file in files:
        scores.add(outlooks[file], observed, thresholds, chosen)
    return scores


def _span(values: Sequence[Any] | Times) -> str:
    return str(values[0]) if values[0] == values[-1] else f"{values[0]} to {values[-1]}"
