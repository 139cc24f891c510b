"""Series divided in time into training, validation and test parts: one, or a panel of several."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from forecasting.console import in_command_line
from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.division import (
    SPLITS,
    TRAIN_TENTHS,
    VALIDATION_TENTHS,
    Split,
    check_length,
    check_parts,
    divide,
    least_values,
)
from forecasting.models.metadata import Period
from forecasting.readers import ReadStation
from forecasting.series.origins import Origins, joined, origins
from forecasting.series.shape import ForecastShape, fill_gaps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import listed
from training.config import TrainingConfig

LEFT_OUT_SHARE: Final = 0.2
"""Default share of the stations to leave out of training: at least one, but none of fewer than three."""

MAX_WARNINGS: Final = 12
"""Largest number of warnings in a report about stations other than the first."""

_LEAST: Final[dict[Split, int]] = {"train": 1, "validation": 1, "test": 1}


@dataclass(frozen=True, eq=False)
class JoinedSeries(SstSeries):
    """Several series joined with missing values between them, for means and spreads; its times are meaningless."""

    parts: tuple[SstSeries, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[SstSeries]) -> "JoinedSeries":
        """Join series of one step."""
        values = np.concatenate([np.append(part.values, np.nan) for part in parts])[:-1]
        return cls(values, parts[0].start, parts[0].step, (), tuple(parts))

    @property
    def observed_months(self) -> tuple[int, ...]:
        """Calendar months in which at least one of the series has a value."""
        return tuple(sorted({month for part in self.parts for month in part.observed_months}))

    @property
    def seasonal_years(self) -> float:
        """Years of the longest series, since stations observe the same years."""
        return max(part.seasonal_years for part in self.parts)


def parts_of(seen: SstSeries) -> tuple[SstSeries, ...]:
    """Return the series that ``seen`` was joined from, or ``seen`` itself."""
    return seen.parts if isinstance(seen, JoinedSeries) else (seen,)


@dataclass(frozen=True)
class Dataset:
    """A series, or several stations, divided in time: 70 % training, 10 % validation, 20 % test.

    Stations are divided at the same dates, so that no test part overlaps with another's training part. The one forecast
    and the one plot of a dataset are those of the first station.
    """

    series: SstSeries
    shape: ForecastShape
    cuts: tuple[np.datetime64, np.datetime64] | None = None
    members: "Mapping[str, Dataset]" = field(default_factory=dict)
    left_out: "Mapping[str, Dataset]" = field(default_factory=dict)
    choice: tuple[str, ...] = ()

    @classmethod
    def divide(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide ``series`` into parts."""
        check_length(len(series), config.shape)
        return cls(series, config.shape).checked(least_values(config.shape))

    @classmethod
    def divide_short(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide a series that is too short to fit networks to."""
        return cls(series, config.shape).checked(_LEAST)

    @classmethod
    def panel(
        cls,
        series: Mapping[str, SstSeries],
        config: TrainingConfig,
        leave_out: Sequence[str] | None,
        skipped: Sequence[str] = (),
        warnings: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> "Dataset":
        """Join the stations that can be used; notes say why others cannot."""
        unknown = [name for name in leave_out or () if name not in series]
        if unknown:
            raise RequestError(
                f"--leave-out: unknown station {unknown[0]!r}; available: {listed(series)}", field="leave_out"
            )
        usable, unusable = _divide(series, config)
        reasons = [*skipped, *unusable]
        if len(usable) < 2:
            few = "only one" if usable else "none"
            raise SeriesError(f"{few} of its stations can be trained on: {'; '.join(reasons[:3])}")
        out = _draw(list(usable), config.seed) if leave_out is None else [name for name in leave_out if name in usable]
        members = {name: station for name, station in usable.items() if name not in out}
        if not members:
            raise SeriesError("every station would be left out of training: name fewer with --leave-out")
        name, first = next(iter(members.items()))
        notes = [f"trained on {len(members)} stations: {listed(members)}"]
        notes += [f"left out of training and used for testing only: {listed(out)}"] if out else []
        notes += [f"not used: {reason}" for reason in reasons]
        others = [other for other in usable if other != name]
        notes += [f"{other}: {warning}" for other in others for warning in warnings.get(other, ())][:MAX_WARNINGS]
        left_out = {name: usable[name] for name in out}
        panel = cls(first.series, config.shape, first.cuts, members, left_out, tuple(notes))
        return panel.checked(least_values(config.shape))

    def checked(self, least: Mapping[Split, int]) -> "Dataset":
        """Return the dataset, unless a part has fewer than ``least`` values to forecast, or hardly changes."""
        check_parts(self.past("train"), self.origins, self.shape.horizon, least)
        return self

    @property
    def stations(self) -> "Mapping[str, Dataset]":
        """The series to train on, by name; a single series has the empty name."""
        return self.members or {"": self}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a reader of the report: on the choice of stations, then on the data of the first."""
        first = next((f"{name}: " for name in self.members), "")
        return (*self.choice, *(f"{first}{note}" for note in self.series.describe()))

    @property
    def bounds(self) -> dict[Split, tuple[int, int]]:
        """Start and end (exclusive) of each part, as positions in the series."""
        n = len(self.series)
        if self.cuts is None:
            return divide(n)
        train_end, validation_end = self._positions(*self.cuts)
        return {"train": (0, train_end), "validation": (train_end, validation_end), "test": (validation_end, n)}

    def _positions(self, *times: np.datetime64) -> list[int]:
        return [int(position) for position in np.searchsorted(self.series.times, times)]

    def periods(self) -> dict[Split, Period]:
        """Return parts from the earliest start to the latest end of all stations; ``n`` is the sum of their steps."""
        periods: dict[Split, Period] = {}
        for split in SPLITS:
            parts = [station.series.times[slice(*station.bounds[split])] for station in self.stations.values()]
            start, end = min(times[0] for times in parts), max(times[-1] for times in parts)
            periods[split] = Period(start=iso(start), end=iso(end), n=sum(map(len, parts)))
        return periods

    def origins(self, split: Split, horizon: int | None = None) -> Origins:
        """Return the origins of one part, at the horizon of the run unless another is given."""
        return self._origins(lambda station: station.bounds[split], horizon)

    def origins_between(self, begin: np.datetime64, end: np.datetime64, horizon: int | None = None) -> Origins:
        """Return the origins of the values from ``begin`` until before ``end``."""
        return self._origins(lambda station: station._positions(begin, end), horizon)

    def _origins(self, bounds: "Callable[[Dataset], Sequence[int]]", horizon: int | None) -> Origins:
        shape = self.shape.leading(horizon) if horizon else self.shape
        return joined([origins(station.series, shape, *bounds(station)) for station in self.stations.values()])

    def origins_seen(self, split: Split) -> Origins:
        """Return every window up to the end of a part, with the value that followed: all that a fit to it may see."""
        shape, pasts = self.shape.leading(1), [station.past(split) for station in self.stations.values()]
        return joined([origins(past, shape, 0, len(past)) for past in pasts])

    def past(self, split: Split) -> SstSeries:
        """Return the series up to the end of a part: all that a fit to the part may see."""
        return self._part(lambda station: station.bounds[split][1])

    def before(self, time: np.datetime64) -> SstSeries:
        """Return the series before a time: all that a fit may see that forecasts from then on."""
        return self._part(lambda station: station._positions(time)[0])

    def _part(self, end: "Callable[[Dataset], int]") -> SstSeries:
        parts = [station.series.part(0, end(station)) for station in self.stations.values()]
        return JoinedSeries.of([part for part in parts if len(part)]) if self.members else parts[0]

    def last_usable_end(self) -> int:
        """Return the position of the end (exclusive) of the last window that a forecast can start from."""
        filled = fill_gaps(self.series.values, self.shape.fill_limit)
        complete = np.isfinite(np.lib.stride_tricks.sliding_window_view(filled, self.shape.window)).all(axis=1)
        usable = complete & np.isfinite(self.series.values[self.shape.window - 1 :])
        return int(np.flatnonzero(usable)[-1]) + self.shape.window


def usable_series(stations: Sequence[ReadStation]) -> tuple[dict[str, SstSeries], list[str]]:
    """Collect the series of a file's stations by name, and sentences on stations without one."""
    series = {station.name or "": station.series for station in stations if station.series is not None}
    skipped = [
        f"{station.name}: {station.error.written(in_command_line)}" for station in stations if station.error is not None
    ]
    if not series:
        raise SeriesError(f"none of its stations can be used: {skipped[0]}")
    return series, skipped


def commonest_step(series: Iterable[SstSeries]) -> TimeStep:
    """Return the step of most of ``series``; in a tie, the one that occurs first."""
    return Counter(member.step for member in series).most_common(1)[0][0]


def _divide(series: Mapping[str, SstSeries], config: TrainingConfig) -> tuple[dict[str, Dataset], list[str]]:
    """Divide the stations with the commonest step, and say why others cannot be used."""
    step = commonest_step(series.values())
    alike = {name: member for name, member in series.items() if member.step == step}
    times = np.sort(np.concatenate([member.times for member in alike.values()]))
    tenths = (TRAIN_TENTHS, TRAIN_TENTHS + VALIDATION_TENTHS)
    cuts = (times[len(times) * tenths[0] // 10], times[len(times) * tenths[1] // 10])
    usable, unusable = {}, []
    for name, member in series.items():
        if name not in alike:
            unusable.append(
                f"{name}: its step is {in_words(str(member.step))}, but that of most stations is "
                f"{in_words(str(step))}; use --resample to give all the same step"
            )
            continue
        dataset = Dataset(member.until_last_observation(), config.shape, cuts)
        if member.start >= cuts[0]:
            unusable.append(
                f"{name}: it begins at {short(member.start)}, but the training part of all stations ends before "
                f"{short(cuts[0])}"
            )
            continue
        try:
            usable[name] = dataset.checked(_LEAST)
        except SeriesError as error:
            unusable.append(f"{name}: {error}")
    return usable, unusable


def _draw(names: Sequence[str], seed: int) -> list[str]:
    """Draw the names of a fifth of the stations, but not the first."""
    count = max(1, int(len(names) * LEFT_OUT_SHARE)) if len(names) > 2 else 0
    positions = np.random.default_rng(seed).choice(len(names) - 1, count, replace=False) + 1
    return [names[position] for position in sorted(positions.tolist())]
