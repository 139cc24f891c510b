"""The record of a station: its forecasts, beside the latest revision of the observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from forecasting.errors import RequestError
from forecasting.scores.observed import Observed
from forecasting.scores.verification import Intervals
from forecasting.series.times import SECONDS, Bools, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from service.stations.interval_quantiles import levels_of
from service.store.issued_forecasts import IssuedForecast
from service.store.observations import Integers

MAX_PAIRS: Final = 200_000
"""Forecasts times leads of one answer: ten years of hours at one lead, or sixty years of days at seven."""

_BOUNDS: Final = ("lower", "upper")


class LeadRecord(NamedTuple):
    """The forecasts at one lead, in °C, in no particular order.

    Attributes:
        observed: ``(n,)``, NaN where nothing was observed.
        predicted: ``(n,)``.
        baselines: ``(n,)``, by name; NaN where a forecast has none.
        intervals: as they were issued, by level.
        plain: before they were recalibrated, by level.
        observed_until: the last observation of each forecast, UTC ``(n,)``.
        replayed: ``(n,)``.
    """

    observed: Floats
    predicted: Floats
    baselines: dict[str, Floats]
    intervals: Intervals
    plain: Intervals
    observed_until: Times
    replayed: Bools

    def part(self, selected: Bools) -> "LeadRecord":
        """Return the forecasts that ``selected`` ``(n,)`` marks."""

        def bounds(intervals: Intervals) -> Intervals:
            return {level: (lower[selected], upper[selected]) for level, (lower, upper) in intervals.items()}

        return LeadRecord(
            self.observed[selected],
            self.predicted[selected],
            {name: values[selected] for name, values in self.baselines.items()},
            bounds(self.intervals),
            bounds(self.plain),
            self.observed_until[selected],
            self.replayed[selected],
        )


_Column = tuple[str, str | float, str]
"""What a list of an issued forecast is: its kind, the name or level, and the bound."""


class _Form(NamedTuple):
    """What forecasts have in common whose numbers are put into one array."""

    leads: int
    baselines: tuple[str, ...]
    levels: tuple[float, ...]

    @property
    def columns(self) -> list[_Column]:
        """What each list of such a forecast is, in the order of :func:`_table`."""
        bounds = [(kind, level, bound) for kind in ("issued", "plain") for level in self.levels for bound in _BOUNDS]
        return [("sst", "", ""), *[("baseline", name, "") for name in self.baselines], *bounds]


@dataclass
class _Group:
    """Forecasts of one form: a table of each, °C ``(lists, leads)``, and what it is about."""

    tables: list[Floats] = field(default_factory=list)
    first_times: list[int] = field(default_factory=list)
    observed_until: list[int] = field(default_factory=list)
    replayed: list[bool] = field(default_factory=list)


class Record:
    """The forecasts of a station, which are added one by one."""

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the forecasts of a station with this ``step``; only those at ``lead``, if it is given."""
        self._step = step
        self._lead = lead
        self._groups: dict[_Form, _Group] = {}
        self._pairs = 0

    def add(self, forecast: IssuedForecast) -> None:
        """Add a forecast.

        Raises:
            RequestError: if there are too many.
        """
        content = forecast.content
        leads = len(content["sst"])
        self._pairs += leads if self._lead is None else 1
        if self._pairs > MAX_PAIRS:
            raise RequestError(
                f"there are more than {MAX_PAIRS} forecasts at all leads: ask for a shorter period with from and "
                "to, or for one lead",
                field="from",
            )
        if self._lead is not None and self._lead > leads:
            return
        table = _table(forecast)
        form = _Form(leads, tuple(content["baselines"]), levels_of(content["intervals"]))
        group = self._groups.setdefault(form, _Group())
        group.tables.append(table if self._lead is None else table[:, self._lead - 1 : self._lead].copy())
        group.first_times.append(seconds_of(content["timestamps"][0]))
        group.observed_until.append(forecast.observed_until)
        group.replayed.append(forecast.replayed)

    @property
    def period(self) -> tuple[int, int] | None:
        """The times between which observations may verify a forecast, Unix seconds; None without forecasts."""
        if not self._groups:
            return None
        first = min(min(group.first_times) for group in self._groups.values())
        last = max(int(self._valid(group, form.leads).max().astype(np.int64)) for form, group in self._groups.items())
        begin, end = self._step.shift(np.array([first, last]).view(SECONDS), [-1, 1]).astype(np.int64).tolist()
        return begin, end

    def observed(self, times: Integers, values: Floats) -> Observed:
        """Return what was observed at the times of the forecasts.

        Args:
            times: of the observations, Unix seconds ``(n,)``, ascending.
            values: the latest revision of each, °C ``(n,)``.
        """
        start = min((time for group in self._groups.values() for time in group.first_times), default=0)
        return Observed.of(times.view(SECONDS), values, self._step, np.datetime64(start, "s"))

    def leads(self, observed: Observed) -> dict[int, LeadRecord]:
        """Return the record at each lead, or at the one asked for."""
        most = max((form.leads for form in self._groups), default=0)
        wanted = range(1, most + 1) if self._lead is None else [self._lead] if self._lead <= most else []
        return {lead: self._at(lead, observed) for lead in wanted}

    def _at(self, lead: int, observed: Observed) -> LeadRecord:
        groups = {form: group for form, group in self._groups.items() if form.leads >= lead}
        place = lead - 1 if self._lead is None else 0
        columns: dict[_Column, list[Floats]] = {}
        sizes = [len(group.tables) for group in groups.values()]
        for column in dict.fromkeys(column for form in groups for column in form.columns):
            columns[column] = [np.full(size, np.nan) for size in sizes]
        for part, (form, group) in enumerate(groups.items()):
            numbers = np.stack([table[:, place] for table in group.tables], axis=1)
            for column, values in zip(form.columns, numbers, strict=True):
                columns[column][part] = values
        joined = {column: np.concatenate(parts) for column, parts in columns.items()}
        levels = sorted({level for form in groups for level in form.levels})
        return LeadRecord(
            observed=observed.at(np.concatenate([self._valid(group, lead) for group in groups.values()])),
            predicted=joined["sst", "", ""],
            baselines={str(name): values for (kind, name, _), values in joined.items() if kind == "baseline"},
            intervals=_intervals(joined, "issued", levels),
            plain=_intervals(joined, "plain", levels),
            observed_until=np.concatenate([np.array(group.observed_until) for group in groups.values()]).view(SECONDS),
            replayed=np.concatenate([np.array(group.replayed) for group in groups.values()]),
        )

    def _valid(self, group: _Group, lead: int) -> Times:
        """Return the valid times at ``lead``, UTC ``(n,)``."""
        return self._step.shift(np.array(group.first_times).view(SECONDS), lead - 1)


def _table(forecast: IssuedForecast) -> Floats:
    """Return the lists of a forecast, °C ``(lists, leads)``."""
    content = forecast.content
    plain = content["intervals"] if forecast.plain is None else forecast.plain
    bounds = [interval[bound] for part in (content["intervals"], plain) for interval in part for bound in _BOUNDS]
    return np.array([content["sst"], *content["baselines"].values(), *bounds])


def _intervals(columns: Mapping[_Column, Floats], kind: str, levels: Sequence[float]) -> Intervals:
    return {int(level): (columns[kind, level, "lower"], columns[kind, level, "upper"]) for level in levels}
