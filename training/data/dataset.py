"""Series divided in time into training, validation and test parts: one, or a panel of several."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from forecasting.console import in_command_line
from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.division import (
    TRAIN_TENTHS,
    VALIDATION_TENTHS,
    Split,
    check_length,
    check_parts,
    divide,
    least_values,
)
from forecasting.models.metadata import Period
from forecasting.readers import Station
from forecasting.series.origins import Origins, joined, origins
from forecasting.series.shape import ForecastShape, fill_gaps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.wording import listed
from training.config import TrainingConfig


@dataclass(frozen=True)
class Dataset:
    """A series with its parts in chronological order: 70 % training, 10 % validation, 20 % test.

    Attributes:
        series: whole series.
        shape: window, horizon and longest filled gap of a forecast.
        cuts: times at which the validation and the test part begin; None divides the series by its length.
    """

    series: SstSeries
    shape: ForecastShape
    cuts: tuple[np.datetime64, np.datetime64] | None = None

    @classmethod
    def divide(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide ``series`` into parts.

        Raises:
            SeriesError: if the series, or one of its parts, is too short or hardly changes; says what to do.
        """
        check_length(len(series), config.shape)
        dataset = cls(series, config.shape)
        dataset.check_parts(least_values(config.shape))
        return dataset

    @classmethod
    def divide_short(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide a series that is too short to fit networks to.

        Raises:
            SeriesError: if a part has no value to forecast at some lead, or the series hardly changes.
        """
        dataset = cls(series, config.shape)
        dataset.check_parts({"train": 1, "validation": 1, "test": 1})
        return dataset

    @property
    def stations(self) -> "Mapping[str, Dataset]":
        """The series to train on, by name; a single series has the empty name."""
        return {"": self}

    @property
    def left_out(self) -> "Mapping[str, Dataset]":
        """Stations left out of training, to evaluate on."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the data for a reader of the report."""
        return self.series.describe()

    @property
    def bounds(self) -> dict[Split, tuple[int, int]]:
        """Start and end (exclusive) of each part, as positions in the series."""
        n = len(self.series)
        if self.cuts is None:
            return divide(n)
        train_end, validation_end = map(int, np.searchsorted(self.series.times, self.cuts))
        return {"train": (0, train_end), "validation": (train_end, validation_end), "test": (validation_end, n)}

    def periods(self) -> dict[Split, Period]:
        """Return the dates and lengths of the parts."""
        times = self.series.times
        return {
            split: Period(start=iso(times[begin]), end=iso(times[end - 1]), n=end - begin)
            for split, (begin, end) in self.bounds.items()
        }

    def origins(self, split: Split, horizon: int | None = None) -> Origins:
        """Return the origins of one part, at the horizon of the run unless another is given."""
        return self._origins(*self.bounds[split], horizon)

    def past(self, split: Split) -> SstSeries:
        """Return the series up to the end of a part: all that a fit to the part may see."""
        return self.series.part(0, self.bounds[split][1])

    def before(self, time: np.datetime64) -> SstSeries:
        """Return the series before a time: all that a fit may see that forecasts from then on."""
        return self.series.part(0, int(np.searchsorted(self.series.times, time)))

    def origins_between(self, begin: np.datetime64, end: np.datetime64, horizon: int | None = None) -> Origins:
        """Return the origins of the values from ``begin`` until before ``end``."""
        first, last = map(int, np.searchsorted(self.series.times, (begin, end)))
        return self._origins(first, last, horizon)

    def origins_seen(self, split: Split) -> Origins:
        """Return every window up to the end of a part, with the value that followed: all that a fit to it may see."""
        seen = self.past(split)
        return origins(seen, self.shape.leading(1), 0, len(seen))

    def _origins(self, begin: int, end: int, horizon: int | None) -> Origins:
        return origins(self.series, self.shape.leading(horizon) if horizon else self.shape, begin, end)

    def last_usable_end(self) -> int:
        """Return the position of the end (exclusive) of the last window that a forecast can start from."""
        filled = fill_gaps(self.series.values, self.shape.fill_limit)
        complete = np.isfinite(np.lib.stride_tricks.sliding_window_view(filled, self.shape.window)).all(axis=1)
        usable = complete & np.isfinite(self.series.values[self.shape.window - 1 :])
        return int(np.flatnonzero(usable)[-1]) + self.shape.window

    def check_parts(self, least: Mapping[Split, int]) -> None:
        """Refuse parts with fewer than ``least`` values to forecast, and a training part that hardly changes.

        Raises:
            SeriesError: says what is missing and what to do.
        """
        check_parts(self.past("train"), self.origins, self.shape.horizon, least)


LEFT_OUT_SHARE: Final = 0.2
"""Default share of the stations to leave out of training: at least one, but none of fewer than three."""

MAX_WARNINGS: Final = 12
"""Largest number of warnings in a report about stations other than the first."""


@dataclass(frozen=True, eq=False)
class JoinedSeries(SstSeries):
    """Several series joined with missing values between them, to compute means and spreads; its times are meaningless.

    Attributes:
        parts: the series that were joined.
    """

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
class Panel(Dataset):
    """Stations with one step, divided at the same dates, so that no test part overlaps with another's training part.

    A dataset has one forecast and one plot; they are those of the first station.

    Attributes:
        members: stations to train on, by name.
        kept_out: stations to test on only, by name.
        panel_notes: sentences on the choice of stations.
    """

    members: Mapping[str, Dataset] = field(default_factory=dict)
    kept_out: Mapping[str, Dataset] = field(default_factory=dict)
    panel_notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        series: Mapping[str, SstSeries],
        config: TrainingConfig,
        leave_out: Sequence[str] | None,
        skipped: Sequence[str] = (),
        warnings: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> "Panel":
        """Make a panel of the stations that can be used; its notes say why others cannot.

        Args:
            series: Series by name of the station.
            config: settings of the run; its seed draws the stations to leave out.
            leave_out: names of the stations to leave out of training; None draws a fifth of them, but not the first.
            skipped: sentences on stations that could not be read.
            warnings: about the data, by station; those of the first are part of its series.

        Raises:
            RequestError: if ``leave_out`` names an unknown station.
            SeriesError: if fewer than two stations can be used, or none would be left to train on.
        """
        unknown = [name for name in leave_out or () if name not in series]
        if unknown:
            raise RequestError(
                f"--leave-out: unknown station {unknown[0]!r}; available: {listed(series)}", field="leave_out"
            )
        usable, unusable = _divide(series, config)
        if len(usable) < 2:
            reasons = [*skipped, *unusable]
            few = "only one" if usable else "none"
            raise SeriesError(f"{few} of its stations can be trained on: {'; '.join(reasons[:3])}")
        out = _draw(list(usable), config.seed) if leave_out is None else [name for name in leave_out if name in usable]
        members = {name: station for name, station in usable.items() if name not in out}
        if not members:
            raise SeriesError("every station would be left out of training: name fewer with --leave-out")
        name, first = next(iter(members.items()))
        notes = [f"trained on {len(members)} stations: {listed(members)}"]
        notes += [f"left out of training and used for testing only: {listed(out)}"] if out else []
        notes += [f"not used: {reason}" for reason in (*skipped, *unusable)]
        others = [other for other in usable if other != name]
        notes += [f"{other}: {warning}" for other in others for warning in warnings.get(other, ())][:MAX_WARNINGS]
        panel = cls(
            first.series,
            config.shape,
            first.cuts,
            members,
            {name: usable[name] for name in out},
            tuple(notes),
        )
        panel.check_parts(least_values(config.shape))
        return panel

    @property
    def stations(self) -> Mapping[str, Dataset]:
        """The stations that are trained on, by name."""
        return self.members

    @property
    def left_out(self) -> Mapping[str, Dataset]:
        """Stations that are kept out of training, to be evaluated on."""
        return self.kept_out

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the choice of stations, followed by those on the first station."""
        first = next(iter(self.members))
        return (*self.panel_notes, *(f"{first}: {note}" for note in self.series.describe()))

    def periods(self) -> dict[Split, Period]:
        """Return parts from the earliest start to the latest end of all members; ``n`` is the sum of their steps."""
        periods = [station.periods() for station in self.members.values()]
        return {
            split: Period(
                start=min(station[split].start for station in periods),
                end=max(station[split].end for station in periods),
                n=sum(station[split].n for station in periods),
            )
            for split in periods[0]
        }

    def origins(self, split: Split, horizon: int | None = None) -> Origins:
        """Return the origins of one part of all members."""
        return joined([station.origins(split, horizon) for station in self.members.values()])

    def past(self, split: Split) -> SstSeries:
        """Return the series of all members up to the end of a part."""
        return JoinedSeries.of([station.past(split) for station in self.members.values()])

    def before(self, time: np.datetime64) -> SstSeries:
        """Return the series of all members before a time."""
        pasts = [station.before(time) for station in self.members.values()]
        return JoinedSeries.of([past for past in pasts if len(past)])

    def origins_between(self, begin: np.datetime64, end: np.datetime64, horizon: int | None = None) -> Origins:
        """Return the origins of the values of all members from ``begin`` until before ``end``."""
        return joined([station.origins_between(begin, end, horizon) for station in self.members.values()])

    def origins_seen(self, split: Split) -> Origins:
        """Return every window of all members up to the end of a part."""
        return joined([station.origins_seen(split) for station in self.members.values()])


def usable_series(stations: Sequence[Station]) -> tuple[dict[str, SstSeries], list[str]]:
    """Collect the series of a file's stations by name, and sentences on stations without one.

    Raises:
        SeriesError: if no station has a series.
    """
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
            dataset.check_parts({"train": 1, "validation": 1, "test": 1})
        except SeriesError as error:
            unusable.append(f"{name}: {error}")
        else:
            usable[name] = dataset
    return usable, unusable


def _draw(names: Sequence[str], seed: int) -> list[str]:
    """Draw the names of a fifth of the stations, but not the first."""
    count = max(1, int(len(names) * LEFT_OUT_SHARE)) if len(names) > 2 else 0
    positions = np.random.default_rng(seed).choice(len(names) - 1, count, replace=False) + 1
    return [names[position] for position in sorted(positions.tolist())]
