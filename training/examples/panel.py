"""Several series that one model is trained on, and some that it is only tested on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from forecasting.console import in_command_line
from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.division import TRAIN_TENTHS, VALIDATION_TENTHS, Split, least_values
from forecasting.networks.metadata import Period
from forecasting.readers import Station
from forecasting.series.origins import Origins, joined
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep, in_words, short
from forecasting.wording import listed
from training.config import TrainingConfig
from training.examples.dataset import Dataset

LEFT_OUT_SHARE: Final = 0.2
"""Of the stations, kept out of training where it is not said which; one at least, and none of fewer than three."""

MAX_WARNINGS: Final = 12
"""Warnings about stations beside the first that a report repeats."""


@dataclass(frozen=True, eq=False)
class JoinedSeries(SstSeries):
    """Several series one after another, a missing value between them: for means and spreads, not for its times."""

    parts: tuple[SstSeries, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[SstSeries]) -> "JoinedSeries":
        """Series of one step, joined with a missing value between each two."""
        values = np.concatenate([np.append(part.values, np.nan) for part in parts])[:-1]
        return cls(values, parts[0].start, parts[0].step, (), tuple(parts))

    @property
    def observed_months(self) -> tuple[int, ...]:
        """Calendar months of which any of them holds a value."""
        return tuple(sorted({month for part in self.parts for month in part.observed_months}))

    @property
    def seasonal_years(self) -> float:
        """Of the one that has most: stations beside each other see the same years."""
        return max(part.seasonal_years for part in self.parts)


def parts_of(seen: SstSeries) -> tuple[SstSeries, ...]:
    """The series that were joined, or the one that stands alone."""
    return seen.parts if isinstance(seen, JoinedSeries) else (seen,)


@dataclass(frozen=True)
class Panel(Dataset):
    """Stations of one step, divided at the same dates, so that no test part lies in another's training.

    What a dataset has but one of (its own forecast, its plot) is the first station's.
    """

    members: Mapping[str, Dataset] = field(default_factory=dict)
    kept_out: Mapping[str, Dataset] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        series: Mapping[str, SstSeries],
        config: TrainingConfig,
        leave_out: Sequence[str] | None,
        skipped: Sequence[str] = (),
        warnings: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> "Panel":
        """Stations that can be used; why others cannot is noted.

        Args:
            series: by name of the station.
            config: of the run; its seed draws the stations that are left out.
            leave_out: names of the stations to keep out of training; a fifth of them, but not the first, where None.
            skipped: sentences on stations that could not even be read.
            warnings: what to look at, by station; the first one's stand among its own notes.

        Raises:
            RequestError: if there is no station of a name in ``leave_out``.
            SeriesError: if fewer than two stations can be used, or none would be left to train on.
        """
        unknown = [name for name in leave_out or () if name not in series]
        if unknown:
            raise RequestError(
                f"--leave-out names no station {unknown[0]!r}; there are: {listed(series)}", field="leave_out"
            )
        usable, unusable = _divided(series, config)
        if len(usable) < 2:
            reasons = [*skipped, *unusable]
            few = "only one" if usable else "none"
            raise SeriesError(f"{few} of its stations can be trained on: {'; '.join(reasons[:3])}")
        out = _drawn(list(usable), config.seed) if leave_out is None else [n for n in leave_out if n in usable]
        members = {name: one for name, one in usable.items() if name not in out}
        if not members:
            raise SeriesError("every station would be left out of training: name fewer with --leave-out")
        name, first = next(iter(members.items()))
        notes = [f"trained on {len(members)} stations: {listed(members)}"]
        notes += [f"left out of training, to be tested on: {listed(out)}"] if out else []
        notes += [f"not used: {reason}" for reason in (*skipped, *unusable)]
        others = [other for other in usable if other != name]
        notes += [f"{other}: {said}" for other in others for said in warnings.get(other, ())][:MAX_WARNINGS]
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
        """Which stations were trained on and which not; then what there is to say of the first."""
        first = next(iter(self.members))
        return (*self.said, *(f"{first}: {note}" for note in self.series.describe()))

    def periods(self) -> dict[Split, Period]:
        """From the first station's beginning to the last one's end; ``n`` counts the steps of all."""
        each = [one.periods() for one in self.members.values()]
        return {
            split: Period(
                start=min(one[split].start for one in each),
                end=max(one[split].end for one in each),
                n=sum(one[split].n for one in each),
            )
            for split in each[0]
        }

    def origins(self, split: Split, horizon: int | None = None) -> Origins:
        """Of all stations that are trained on."""
        return joined([one.origins(split, horizon) for one in self.members.values()])

    def past(self, split: Split) -> SstSeries:
        """Of all stations that are trained on."""
        return JoinedSeries.of([one.past(split) for one in self.members.values()])

    def before(self, time: np.datetime64) -> SstSeries:
        """Of all stations that are trained on."""
        pasts = [one.before(time) for one in self.members.values()]
        return JoinedSeries.of([past for past in pasts if len(past)])

    def origins_between(self, begin: np.datetime64, end: np.datetime64, horizon: int | None = None) -> Origins:
        """Of all stations that are trained on."""
        return joined([one.origins_between(begin, end, horizon) for one in self.members.values()])

    def origins_seen(self) -> Origins:
        """Of all stations that are trained on."""
        return joined([one.origins_seen() for one in self.members.values()])


def usable_series(stations: Sequence[Station]) -> tuple[dict[str, SstSeries], list[str]]:
    """The series of a file's stations by name, and sentences on those that have none.

    Raises:
        SeriesError: if no station has one.
    """
    known = {one.name or "": one.series for one in stations if one.series is not None}
    skipped = [f"{one.name}: {one.error.written(in_command_line)}" for one in stations if one.error is not None]
    if not known:
        raise SeriesError(f"none of its stations can be used: {skipped[0]}")
    return known, skipped


def commonest_step(series: Iterable[SstSeries]) -> TimeStep:
    """The step of most of ``series``; of those that as many have, the one that comes first."""
    return Counter(one.step for one in series).most_common(1)[0][0]


def _divided(series: Mapping[str, SstSeries], config: TrainingConfig) -> tuple[dict[str, Dataset], list[str]]:
    """The stations of the commonest step, divided; and why others cannot be used."""
    step = commonest_step(series.values())
    alike = {name: one for name, one in series.items() if one.step == step}
    times = np.sort(np.concatenate([one.times for one in alike.values()]))
    tenths = (TRAIN_TENTHS, TRAIN_TENTHS + VALIDATION_TENTHS)
    cuts = (times[len(times) * tenths[0] // 10], times[len(times) * tenths[1] // 10])
    usable, unusable = {}, []
    for name, one in series.items():
        if name not in alike:
            own, usual = in_words(str(one.step)), in_words(str(step))
            unusable.append(f"{name}: its step is {own}, that of most stations {usual}; --resample makes them one")
            continue
        dataset = Dataset(one.until_last_observation(), config.shape, cuts)
        if one.start >= cuts[0]:
            began, ended = short(one.start), short(cuts[0])
            unusable.append(f"{name}: it begins {began}, and what is trained on ends before {ended}, at all stations")
            continue
        try:
            dataset.check_parts({"train": 1, "validation": 1, "test": 1})
        except SeriesError as error:
            unusable.append(f"{name}: {error}")
        else:
            usable[name] = dataset
    return usable, unusable


def _drawn(names: Sequence[str], seed: int) -> list[str]:
    """A fifth of the stations, but not the first."""
    count = max(1, int(len(names) * LEFT_OUT_SHARE)) if len(names) > 2 else 0
    drawn = np.random.default_rng(seed).choice(len(names) - 1, count, replace=False) + 1
    return [names[k] for k in sorted(drawn.tolist())]
