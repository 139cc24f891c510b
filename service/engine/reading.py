"""The series of request bodies: their schema and limits, and how many are read at once, at one step or at their own."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, chain, pairwise
from typing import Annotated, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from forecasting.errors import ForecastError, RequestError, SeriesError
from forecasting.events.baseline import DAYS
from forecasting.releases.catalog import Catalog
from forecasting.requests import Finite, InputTime, RequestModel, tag
from forecasting.series.batch import SeriesBatch, SeriesByStep
from forecasting.series.observations import choose_clock, infer_step
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import LAST_TIME, SECONDS, Floats, Times, all_seconds_of, seconds_of
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.series.units import Units, sea_temperatures, to_celsius
from forecasting.wording import counted
from service.engine.weather import InputWeather, with_weather
from service.settings import Settings

ByDay = Annotated[list[Finite], Field(min_length=DAYS, max_length=DAYS)]


class InputBaseline(RequestModel):
    """A baseline: a period of the series, or a climatology and a threshold for each day of the year."""

    start: InputTime | None = Field(default=None, description="The first day of the period.", examples=["1983-01-01"])
    end: InputTime | None = Field(default=None, description="The last day of the period.", examples=["2012-12-31"])
    climatology: ByDay | None = Field(
        default=None, description="The usual SST on each day of a leap year, from 1 January to 31 December."
    )
    threshold: ByDay | None = Field(default=None, description="The SST beyond which each day is extreme.")

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if (self.climatology is None) != (self.threshold is None):
            raise PydanticCustomError("baseline", "give both climatology and threshold, or neither")
        if (self.start is None) != (self.end is None):
            raise PydanticCustomError("baseline", "give both start and end, or neither")
        if self.start is not None and self.climatology is not None:
            raise PydanticCustomError("baseline", "give a period, or climatology and threshold, but not both")
        return self


def _tag_of_baseline(baseline: object) -> str:
    return tag("position" if isinstance(baseline, str) else "baseline")


AnyBaseline = Annotated[
    Annotated[InputBaseline, Tag(tag("baseline"))] | Annotated[Literal["position"], Tag(tag("position"))],
    Discriminator(_tag_of_baseline),
]
"""The baseline of a series, or ``position``: the climatology of its position on a coarse grid."""

MAX_ID: Final = 256
"""Maximum characters of a series' id."""


class InputSeries(RequestModel):
    """A series: `values` with either `start` and `step`, if they are regular, or `timestamps`."""

    id: str | None = Field(
        default=None,
        max_length=MAX_ID,
        description="Returned as given. Defaults to the position of the series in the request, starting at 0.",
    )
    values: list[Finite | None] = Field(
        min_length=1,
        fail_fast=True,
        description="SST, oldest first, with null for a missing value.",
    )
    start: InputTime | None = Field(
        default=None, description="The time of the first value, in ISO 8601; UTC without an offset."
    )
    timestamps: Annotated[list[InputTime], Field(fail_fast=True)] | None = Field(
        default=None, description="The time of each value, in ISO 8601; use it instead of `start`."
    )
    step: str | None = Field(
        default=None,
        description="The step between values: `month`, `week`, `day`, `hour`, or an ISO 8601 duration such as `PT30M`. "
        "Required with `start`, unless the request names a dataset or a full model name; then it has to be the step of "
        "that model.",
    )
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north. With `longitude`, it gives the climatology of the place."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")
    baseline: AnyBaseline | None = Field(
        default=None,
        description="For events in this series; replaces the baseline of the request. `position` is the climatology of "
        "`latitude` and `longitude`, with the warning `coarse_baseline`.",
    )
    weather: InputWeather | None = Field(
        default=None,
        description="The weather over the series, in the past and ahead, for universal networks.",
    )


def series_ids(series: Sequence[InputSeries]) -> list[str]:
    """Return the ID of each series in the response: its own, or its position in the request."""
    return [str(i) if given.id is None else given.id for i, given in enumerate(series)]


def refuse_missing_steps(series: Sequence[InputSeries]) -> None:
    """Raise RequestError if the step is to choose the network of a series, and a series does not say it."""
    for i, given in enumerate(series):
        if given.start is not None and given.timestamps is None and given.step is None:
            raise RequestError(MISSING_STEP, field=f"series[{i}].step")


def check_horizon(horizon: int, settings: Settings) -> None:
    """Raise RequestError if ``horizon`` is over the limit."""
    if horizon > settings.max_horizon:
        message = f"horizon {horizon} is too large: this service forecasts at most {settings.max_horizon} steps ahead"
        raise RequestError(message, field="horizon")


def check_limits(series: Sequence[InputSeries], settings: Settings) -> None:
    """Raise RequestError if there are too many series, or one of them has too many values."""
    if len(series) > settings.max_series:
        raise RequestError(
            f"{len(series)} series are too many: send at most {settings.max_series} in one request",
            field="series",
        )
    for i, given in enumerate(series):
        if excess := too_many_values(given, settings):
            raise RequestError(excess, field=f"series[{i}].values")


def too_many_values(given: InputSeries, settings: Settings) -> str | None:
    """Return the sentence that a series, or the weather over it, has more values than one may have; None if not."""
    count, most = len(given.values), settings.max_values
    if count > most:
        return f"{count} values are too many: send at most {most} in one series"
    if given.weather is not None and (count := given.weather.longest) > most + settings.max_horizon:
        return f"{count} values of weather are too many: send at most {most + settings.max_horizon} for one series"
    return None


_ABSENT: Final = "send null in its place"

_MIN_SHARE_OF_STEPS: Final = 0.1
"""Minimum share of a series' intervals that must be one step."""

_SHORTER_STEP: Final = 0.75
"""Fraction of a step. Values closer together than this have a shorter step."""

Errors = dict[int, SeriesError]
"""Errors of series, by their place in a batch."""


def parse(
    series: Sequence[InputSeries], units: Units, step: TimeStep, catalog: Catalog | None = None
) -> tuple[SeriesBatch, Errors]:
    """Parse ``series``, in ``units``, at ``step``. Those with errors have no values in the batch.

    An error of a series at another step names the release in ``catalog`` that forecasts it.
    """
    lengths = [len(given.values) for given in series]
    ends = [*accumulate(lengths)]
    begins = [0, *ends]
    errors: Errors = {}
    starts, stamps = _starts(series, step, errors, catalog)
    raw = np.array([*chain.from_iterable([given.values for given in series])], dtype=np.float64)
    values = celsius_of(raw, begins, units, errors)
    grids = _grids(stamps, values, begins, step, errors, catalog)
    when = np.array(starts, dtype=np.int64).view(SECONDS)
    batch = join_grids(step, values, np.array(ends), np.array(lengths), when, grids, errors)
    readers = {i: given.weather.read for i, given in enumerate(series) if given.weather is not None}
    return (with_weather(batch, readers, units, errors) if readers else batch), errors


def _release_hint(catalog: Catalog | None, step: TimeStep) -> str:
    """Return the end of a sentence about a series at ``step``: the release that forecasts it; empty if none does."""
    return "" if catalog is None else catalog.hint(step)


def _starts(
    series: Sequence[InputSeries], step: TimeStep, errors: Errors, catalog: Catalog | None
) -> tuple[list[int], dict[int, list[int]]]:
    """Return the Unix seconds of each series' first value, and of all values of series with timestamps."""
    starts, stamps = [0] * len(series), dict[int, list[int]]()
    for i, given in enumerate(series):
        try:
            if given.step is not None and (other := TimeStep.parse(given.step)) != step:
                sent, expected, hint = in_words(given.step), in_words(str(step)), _release_hint(catalog, other)
                raise SeriesError(f"the step is {sent}, but this model forecasts steps of {expected}{hint}")
            if given.start is not None and given.timestamps is None:
                starts[i] = seconds_of(given.start, local=step.calendar_month)
            elif given.timestamps is None or given.start is not None:
                raise SeriesError("give either start, or timestamps with one time for each value")
            else:
                stamps[i] = times = _times(given.timestamps, len(given.values), step)
                starts[i] = times[0]
        except SeriesError as error:
            errors[i] = error
    return starts, stamps


def _times(timestamps: list[str], n: int, step: TimeStep) -> list[int]:
    if len(timestamps) != n:
        raise SeriesError(f"{counted(len(timestamps), 'timestamp')} for {counted(n, 'value')}: send one for each value")
    try:
        return all_seconds_of(timestamps, local=step.calendar_month)
    except SeriesError:
        for i, text in enumerate(timestamps):
            try:
                seconds_of(text, local=step.calendar_month)
            except SeriesError as error:
                raise SeriesError(f"timestamps[{i}]: {error}") from None
        raise


def celsius_of(raw: Floats, begins: Sequence[int], units: Units, errors: Errors) -> Floats:
    """Convert the values of all series to °C, and record an error for those that no sea can have."""
    try:
        # Checking all at once is cheaper. If one is wrong, check each of them.
        return sea_temperatures(raw, units, _place, _ABSENT)
    except SeriesError:
        for i, (begin, end) in enumerate(pairwise(begins)):
            try:
                sea_temperatures(raw[begin:end], units, _place, _ABSENT)
            except SeriesError as error:
                errors.setdefault(i, error.with_traceback(None))
        return to_celsius(raw, units)


def _grids(
    stamps: Mapping[int, list[int]],
    values: Floats,
    begins: Sequence[int],
    step: TimeStep,
    errors: Errors,
    catalog: Catalog | None,
) -> dict[int, SstSeries]:
    """Return the series whose timestamps are irregular, on a regular grid."""
    grids: dict[int, SstSeries] = {}
    if not stamps:
        return grids
    lengths = np.array([len(times) for times in stamps.values()])
    every = np.array([*chain.from_iterable(stamps.values())], dtype=np.int64).view(SECONDS)
    for (i, times), is_regular in zip(stamps.items(), are_regular(every, lengths, step).tolist(), strict=True):
        own_values = values[begins[i] : begins[i + 1]]
        # If the last value is not NaN, the series has a value.
        if i in errors or (is_regular and own_values[-1] == own_values[-1]):
            continue
        try:
            grids[i] = on_grid(np.array(times, dtype=np.int64).view(SECONDS), own_values, step, catalog)
        except SeriesError as error:
            errors[i] = error
    return grids


def on_grid(when: Times, celsius: Floats, step: TimeStep, catalog: Catalog | None) -> SstSeries:
    """Put values at irregular times, both ``(n,)``, on a regular grid."""
    try:
        grid = SstSeries.from_observations(when, celsius, step=step, where=_place)
        _refuse_longer_steps(when, step)
    except SeriesError as error:
        raise _shorter_steps(when, step, catalog) or error from None
    return grid


def join_grids(
    step: TimeStep,
    values: Floats,
    ends: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    starts: Times,
    grids: Mapping[int, SstSeries],
    errors: Errors,
) -> SeriesBatch:
    """Return a batch of series, with those in ``grids`` in their regular form, and no values of those with errors."""
    if grids:
        end = len(values)
        values = np.concatenate([values, *[grid.values for grid in grids.values()]])
        for i, grid in grids.items():
            ends[i] = end = end + len(grid)
            starts[i], lengths[i] = grid.start, len(grid)
    lengths[[*errors]] = 0
    notes = {i: grid.notes for i, grid in grids.items()}
    return SeriesBatch(step, values, ends, lengths, starts, notes)


def _refuse_longer_steps(when: Times, step: TimeStep) -> None:
    """Refuse times that are hardly ever one step apart: most of the window would be interpolated."""
    ordered = np.sort(when)
    gaps = np.round(np.diff(step.position(ordered, ordered[0])))
    if len(gaps) and (gaps <= 1).mean() < _MIN_SHARE_OF_STEPS:
        raise SeriesError(
            f"its times are {np.median(gaps):.0f} steps apart, but this model needs {one_each(str(step))}; "
            "send null where one is missing"
        )


def _shorter_steps(when: Times, step: TimeStep, catalog: Catalog | None) -> SeriesError | None:
    """Return the error of times that are mostly closer together than ``step``; None if they are not."""
    gaps = np.diff(np.sort(when)).astype(np.int64)
    pace = int(np.median(gaps)) if len(gaps) else 0
    if not 0 < pace < _SHORTER_STEP * step.seconds:
        return None
    return SeriesError(
        f"its times are {in_words(str(TimeStep(pace)))} apart, but this model needs {one_each(str(step))}: send means, "
        f"or name or train a dataset that has this step{_release_hint(catalog, TimeStep(pace))}"
    )


def are_regular(times: Times, lengths: npt.NDArray[np.int64], step: TimeStep) -> npt.NDArray[np.bool_]:
    """Return which of several series, none of them empty, have exactly one time at each step from their first.

    ``times`` has those of all series, one after another, none of them missing.
    """
    # As numbers: comparing times takes longer, because each might be missing.
    seconds, length = times.view(np.int64), int(lengths[0])
    regular: npt.NDArray[np.bool_]
    if len(times) == length * len(lengths) and (lengths == length).all():
        equal = seconds.reshape(-1, length) == step.table(times[::length], length).view(np.int64)
        regular = np.ones(len(lengths), dtype=np.bool_) if equal.all() else equal.all(axis=1)
        return regular
    begins = lengths.cumsum() - lengths
    regular = np.logical_and.reduceat(seconds == step.ranges(times[begins], lengths).view(np.int64), begins)
    return regular


def _place(index: int) -> str:
    return f"values[{index}]"


def sentence(error: ForecastError) -> str:
    """Return the message of an error, with the place of the value that caused it."""
    text = str(error)
    if not isinstance(error, SeriesError) or error.index is None or text.startswith("values["):
        return text
    return f"values[{error.index}]: {text}"


MISSING_STEP: Final = '`step` is required with `start`; for example "day"'

Expect = Callable[[TimeStep], SeriesError | None]
"""Returns the error of a series at a step that nothing forecasts; None if something does."""


def read_each(
    series: Sequence[InputSeries], units: Units, default: TimeStep | None, horizon: int, expect: Expect
) -> SeriesByStep:
    """Parse each of ``series`` at its own step."""

    def parse_at(rows: Sequence[int], step: TimeStep) -> tuple[SeriesBatch, Errors]:
        return parse([series[i] for i in rows], units, step)

    return by_own_step(len(series), lambda i: _step_of(series[i], default), parse_at, horizon, expect)


def by_own_step(
    n: int,
    step_of: Callable[[int], TimeStep],
    parse_at: Callable[[Sequence[int], TimeStep], tuple[SeriesBatch, Errors]],
    horizon: int,
    expect: Expect,
) -> SeriesByStep:
    """Parse ``n`` series, those of one step together."""
    errors: Errors = {}
    by_step: dict[TimeStep, list[int]] = {}
    for i in range(n):
        try:
            step = step_of(i)
            if error := expect(step):
                raise error
            by_step.setdefault(step, []).append(i)
        except SeriesError as error:
            # The frames of its traceback would keep what has been read in memory.
            errors[i] = error.with_traceback(None)
    batches = []
    for step, members in by_step.items():
        batch, failed = parse_at(members, step)
        failed = _unusable(batch, horizon) | failed
        rows = np.array(members)
        if failed:
            errors |= {members[i]: error for i, error in failed.items()}
            usable = np.delete(np.arange(len(batch)), [*failed])
            rows, batch = rows[usable], batch.take(usable)
        if len(batch):
            batches.append((rows, batch))
    return SeriesByStep(batches, errors)


def _unusable(batch: SeriesBatch, horizon: int) -> Errors:
    """Return why some series of a batch cannot be forecast ``horizon`` steps ahead."""
    last = batch.step.shift(batch.starts, batch.lengths - 1 + horizon)
    too_late = "the forecast would extend past the year 9999: check for a wrong time"
    errors = {i: SeriesError(too_late) for i in np.flatnonzero(last > LAST_TIME).tolist()}
    for i, (begin, end) in enumerate(zip(batch.ends - batch.lengths, batch.ends, strict=True)):
        if not np.isfinite(batch.values[begin:end]).any():
            errors[i] = SeriesError("every value of the series is missing")
    return errors


def _step_of(given: InputSeries, default: TimeStep | None) -> TimeStep:
    try:
        if given.step is not None:
            return TimeStep.parse(given.step)
        if given.timestamps is not None:
            return _inferred(given.timestamps)
    except SeriesError:
        if default is None or given.step is not None:
            raise
        return default
    if default is not None:
        return default
    if given.start is None:
        raise SeriesError("give either start and step, or timestamps with one time for each value")
    raise SeriesError(MISSING_STEP)


def _inferred(timestamps: Sequence[str]) -> TimeStep:
    """Infer the step from timestamps; months follow the local calendar."""
    return step_of(*(_stamps(timestamps, is_local) for is_local in (False, True)))


def step_of(utc: Times, local: Times) -> TimeStep:
    """Infer the step of a series from its times in UTC and on its local clock."""
    return infer_step(np.unique(choose_clock(utc, local)), lambda i: f"time {i}")


def _stamps(timestamps: Sequence[str], is_local: bool) -> Times:
    seconds = []
    for i, text in enumerate(timestamps):
        try:
            seconds.append(seconds_of(text, local=is_local))
        except SeriesError as error:
            raise SeriesError(f"timestamps[{i}]: {error}") from None
    return np.array(seconds, dtype=np.int64).view(SECONDS)
