"""Files of a series whose step the caller knows."""

import pytest

from forecasting.errors import FileError
from forecasting.readers import ReadingOptions, read_content
from forecasting.series.timestep import TimeStep

DAILY = ReadingOptions(step=TimeStep.parse("day"))


def content(*times: str) -> bytes:
    return "\n".join(["time,sst", *(f"{time},12.{i}" for i, time in enumerate(times))]).encode()


@pytest.mark.parametrize(
    ("times", "step", "values"),
    [
        (["2025-06-05"], "day", 1),
        (["2025-06-05", "2025-06-09"], "day", 5),
        (["2025-06-05T00:00", "2025-06-05T01:00", "2025-06-05T02:00"], "hour", 3),
    ],
)
def test_a_series_has_the_known_step_if_its_times_follow_it(times: list[str], step: str, values: int) -> None:
    series = read_content(content(*times), DAILY).series
    assert (str(series.step), len(series.values)) == (step, values)


def test_a_single_reading_has_no_step_to_infer() -> None:
    with pytest.raises(FileError, match="needs at least two times to infer its step"):
        read_content(content("2025-06-05"), ReadingOptions())
