import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.series.observations import infer_step
from forecasting.series.times import calendar_months, iso, parse_time, unix_seconds
from forecasting.series.timestep import MONTH, TimeStep, in_words, one_each


def times(*texts: str) -> "np.typing.NDArray[np.datetime64]":
    return np.asarray(texts, dtype="datetime64[s]")


def place(index: int) -> str:
    return f"row {index}"


@pytest.mark.parametrize("name", ["month", "week", "day", "hour", "PT30M", "PT10M", "P8D", "P1DT6H", "PT45S"])
def test_a_step_reads_back_as_it_is_written(name: str) -> None:
    assert str(TimeStep.parse(name)) == name


@pytest.mark.parametrize(("text", "name"), [("P7D", "week"), ("P1W", "week"), ("PT60M", "hour"), ("P1M", "month")])
def test_equal_steps_have_one_name(text: str, name: str) -> None:
    assert str(TimeStep.parse(text)) == name


@pytest.mark.parametrize(
    ("step", "words", "each"),
    [
        ("month", "one month", "one a month"),
        ("hour", "one hour", "one an hour"),
        ("PT30M", "30 minutes", "one every 30 minutes"),
        ("PT1M", "one minute", "one a minute"),
        ("P8D", "8 days", "one every 8 days"),
        ("PT90M", "90 minutes", "one every 90 minutes"),
        ("P1DT6H", "30 hours", "one every 30 hours"),
    ],
)
def test_a_step_can_be_written_in_words(step: str, words: str, each: str) -> None:
    assert in_words(step) == words
    assert one_each(step) == each


@pytest.mark.parametrize("text", ["", "P", "PT", "fortnight", "PT0S", "30min", "P1Y", "-P1D", "PT30M\n"])
def test_an_invalid_step_is_refused_with_the_valid_forms(text: str) -> None:
    with pytest.raises(SeriesError, match="PT30M"):
        TimeStep.parse(text)


def test_months_follow_the_calendar() -> None:
    shifted = MONTH.shift(times("2011-11-15T12:00:00"), [0, 1, 2, -11])
    assert shifted.tolist() == times("2011-11-01", "2011-12-01", "2012-01-01", "2010-12-01").tolist()


@pytest.mark.parametrize("first", ["1795-01-01", "1969-06-15T12:00:00", "1990-03-01", "2180-01-31"])
@pytest.mark.parametrize("step", [MONTH, TimeStep.parse("day")])
def test_times_of_many_series_are_those_of_each(step: TimeStep, first: str) -> None:
    starts = np.datetime64(first, "s") + np.arange(100) * np.timedelta64(40, "D")
    expected = [step.range(start, 30) for start in starts]
    np.testing.assert_array_equal(step.table(starts, 30), expected)
    np.testing.assert_array_equal(step.ranges(starts, np.full(100, 30)), np.concatenate(expected))


@pytest.mark.parametrize("first", ["1795-01-01", "1969-06-15T12:00:00", "2180-01-31"])
def test_the_months_of_many_times_are_those_of_each(first: str) -> None:
    many = np.datetime64(first, "s") + np.arange(1_000) * np.timedelta64(700_001, "s")
    np.testing.assert_array_equal(calendar_months(many), many.astype("datetime64[M]"))


def test_a_month_counts_as_a_twelfth_of_a_julian_year() -> None:
    assert MONTH.seconds * 12 == 365.25 * 86_400


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2010-12-01", "2010-12-01T00:00:00Z"),
        ("2010-12-01T06:00", "2010-12-01T06:00:00Z"),
        ("2010-12-01T06:00:00Z", "2010-12-01T06:00:00Z"),
        ("2010-12-01T06:00:00+02:00", "2010-12-01T04:00:00Z"),
        ("2011-01-01T01:00:00-03:30", "2011-01-01T04:30:00Z"),
        ("2012-02-29", "2012-02-29T00:00:00Z"),
    ],
)
def test_times_are_utc_with_or_without_an_offset(text: str, utc: str) -> None:
    assert iso(parse_time(text)) == utc


@pytest.mark.parametrize("text", ["", "yesterday", "2011-02-29", "01/02/2011", "2011-13-01", "20110101T99"])
def test_an_invalid_time_is_refused(text: str) -> None:
    with pytest.raises(SeriesError, match="ISO 8601"):
        parse_time(text)


def test_times_convert_to_unix_seconds() -> None:
    assert unix_seconds(times("1970-01-02", "1969-12-31")).tolist() == [86_400.0, -86_400.0]


@pytest.mark.parametrize(
    ("stamps", "step"),
    [
        (["2001-01-01", "2001-02-01", "2001-03-01"], "month"),
        (["2001-01-31", "2001-02-28", "2001-03-31", "2001-05-31"], "month"),
        (["2001-01-16", "2001-02-15", "2001-03-16", "2001-04-16"], "month"),
        (["2001-01-03", "2001-01-10", "2001-01-17", "2001-01-31"], "week"),
        (["2001-01-01T12:00", "2001-01-02T12:00", "2001-01-05T12:00", "2001-01-06T12:00"], "day"),
        (["2001-01-01", "2001-01-31", "2001-03-02", "2001-04-01", "2001-05-01"], "P30D"),
        (["2001-01-01T00:00", "2001-01-01T00:30", "2001-01-01T01:30"], "PT30M"),
    ],
)
def test_the_step_is_inferred_from_the_times(stamps: list[str], step: str) -> None:
    assert str(infer_step(times(*stamps), place)) == step


@pytest.mark.parametrize(
    ("stamps", "sentence"),
    [
        (["2001-01-01"], "at least two times"),
        (["2001-01-01", "2001-01-02", "2001-01-04", "2001-01-09", "2001-01-20"], "row 1 is the first of 4"),
        (["2001-01-01", "2002-01-01", "2003-01-01"], "the longest supported step is a month"),
    ],
)
def test_irregular_times_are_refused_with_the_first_one_named(stamps: list[str], sentence: str) -> None:
    with pytest.raises(SeriesError, match=sentence):
        infer_step(times(*stamps), place)


@pytest.mark.parametrize(
    ("step", "middle"),
    [("hour", "2023-02-01T00:30:00Z"), ("day", "2023-02-01T12:00:00Z"), ("month", "2023-02-15T00:00:00Z")],
)
def test_the_middle_of_a_step_is_halfway_to_the_next(step: str, middle: str) -> None:
    begin = np.asarray(["2023-02-01"], dtype="datetime64[s]")
    assert iso(TimeStep.parse(step).middle(begin)[0]) == middle
