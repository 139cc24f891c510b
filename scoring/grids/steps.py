"""The regular steps at the end of a grid that forecasts depend on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.readers.grid.fields import Field
from forecasting.readers.result.resample import MIN_OBSERVED_SHARE, expected_counts, first_step, typical_interval
from forecasting.series.observations import sort_order
from forecasting.series.step_inference import infer_step
from forecasting.series.time_grid import anchor, grid_positions
from forecasting.series.times import Times, short
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.wording import counted
from scoring.errors import NothingToForecastError
from scoring.models.model import Span

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Steps:
    """The regular steps that are staged.

    Attributes:
        at: index of each step in the field's times; −1 if it is absent; of averaged steps, the first index.
        start: time of the first step.
        issued: time of the last step.
        averaged: indices of the times that each step is the mean of; None if steps are not averaged.
        least: number of values that each mean needs.
        notes: on missing steps.
    """

    at: Indices
    start: np.datetime64
    issued: np.datetime64
    averaged: list[Indices] | None
    least: list[float]
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.at)

    @property
    def first(self) -> int:
        """The least index in the field's times that is needed."""
        return int(self.at[self.at >= 0].min())


def step_of(field: Field) -> TimeStep:
    """Infer the step of a grid.

    Raises:
        FileError: if its times are not regular.
    """
    order, _ = sort_order(field.times, _place(field.times))
    times = field.times[order]
    if len(times) < 2:
        raise NothingToForecastError(
            f"contains {counted(len(times), 'time')}, but a forecast needs a series of them; pass all files of the grid"
        )
    return infer_step(times, _place(times))


def last_steps(field: Field, span: Span, resample: TimeStep | None) -> Steps:
    """Return the steps at the end of ``field`` that a model uses, up to the last time with values.

    Raises:
        FileError: if the grid cannot be forecast from.
    """
    if resample is not None:
        return _averaged_steps(field, span, resample)
    order, _ = sort_order(field.times, _place(field.times))
    times = field.times[order]
    step = step_of(field)
    if step != span.step:
        raise NothingToForecastError(
            f"its step is {in_words(str(step))}, but {span.model} forecasts steps of {in_words(str(span.step))}"
            f"{_remedy(step, span)}"
        )
    start = anchor(times, step)
    positions = grid_positions(times, start, step, _place(times))
    last = _last_with_value(field, order)
    end = int(positions[last])
    begin = max(int(positions[0]), end + 1 - span.longest)
    _refuse_short(end + 1 - begin, span)
    at = np.full(end + 1 - begin, -1, dtype=np.intp)
    kept = (positions >= begin) & (positions <= end)
    at[positions[kept] - begin] = order[kept]
    grid = step.range(start, end + 1)
    notes = tuple(_left_out(field, at, grid[-1], span))
    return Steps(at, grid[begin], grid[-1], None, [], notes)


def _averaged_steps(field: Field, span: Span, step: TimeStep) -> Steps:
    """Return the last steps as means of the times within each, as :mod:`forecasting.readers.result.resample` does.

    A step at the end with fewer times than a mean needs is left out.
    """
    if step != span.step:
        raise NothingToForecastError(
            f"--resample {step} makes steps of {in_words(str(step))}, but {span.model} forecasts steps of "
            f"{in_words(str(span.step))}; use --resample {span.step}"
        )
    order, _ = sort_order(field.times, _place(field.times))
    order = order[: _last_with_value(field, order) + 1]
    times = field.times[order]
    pace = typical_interval(times) if len(times) > 1 else step.seconds
    if pace > step.seconds * 1.1:
        observed, wanted = one_each(str(TimeStep(pace))), one_each(str(step))
        raise NothingToForecastError(f"cannot resample {observed} to {wanted}; resample to a longer step")
    start = first_step(times, step)
    positions = np.floor(step.place(times, start) + 1e-9).astype(np.int64)
    expected = expected_counts(start, step, int(positions[-1]) + 1, pace)
    counts = np.bincount(positions, minlength=len(expected))
    complete = np.flatnonzero((counts > 0) & (counts >= MIN_OBSERVED_SHARE * expected))
    end = int(complete[-1]) if len(complete) else -1
    begin = max(0, end + 1 - span.longest)
    _refuse_short(end + 1 - begin, span)
    members = [order[positions == position] for position in range(begin, end + 1)]
    at = np.asarray([indices.min() if len(indices) else -1 for indices in members], dtype=np.intp)
    grid = step.range(start, end + 1)
    least = (MIN_OBSERVED_SHARE * expected[begin : end + 1]).tolist()
    note = f"resampled to means of {in_words(str(step))} (UTC), each of at least half of its values"
    return Steps(at, grid[begin], grid[-1], members, least, (note,))


def _last_with_value(field: Field, order: Indices) -> int:
    for last in range(len(order) - 1, -1, -1):
        if _any_value(field, int(order[last])):
            return last
    raise NothingToForecastError(
        f"every value of {field.value.name} is missing: the grid has no sea cell; check --variable, --missing and "
        "--flags"
    )


def _refuse_short(count: int, span: Span) -> None:
    if count < span.fewest:
        words = in_words(str(span.step))
        raise NothingToForecastError(
            f"contains {counted(count, 'step')} of {words}; {span.model} needs at least {span.fewest}: add "
            f"{span.fewest - count} more"
        )


def _remedy(step: TimeStep, span: Span) -> str:
    return f"; average it with --resample {span.step}" if step.seconds < span.step.seconds else ""


def _place(times: Times) -> Callable[[int], str]:
    return lambda i: f"time {short(times[i])}"


def _any_value(field: Field, step: int) -> bool:
    """Return whether any cell has a value at ``step``, looking at the middle rows first."""
    rows = field.shape[0] if field.dims else 1
    count = max(1, rows // 16)
    begins = [*range(rows // 2, rows, count), *range(0, rows // 2, count)]
    slabs = (field.celsius(slice(step, step + 1), slice(begin, begin + count)) for begin in begins)
    return any(bool(np.isfinite(slab).any()) for slab in slabs)


def _left_out(field: Field, at: Indices, issued: np.datetime64, span: Span) -> Iterator[str]:
    absent = int((at < 0).sum())
    if absent:
        yield f"{absent} of the last {len(at)} steps of {in_words(str(span.step))} are missing from the file"
    latest = field.times.max()
    if latest > issued and span.step.place(np.asarray([latest]), issued)[0] >= 1:
        yield f"no cell has a value after {short(issued)}; forecasts are issued from that time"
