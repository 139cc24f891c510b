import pytest

from forecasting.series.times import iso_of
from service.api.stations.period import Period


@pytest.mark.parametrize(
    ("to", "last"),
    [
        ("2026-08-31", "2026-08-31T23:59:59Z"),
        ("2026-08-31T00:00", "2026-08-31T00:00:00Z"),
        ("2026-08-31T12:00:00+02:00", "2026-08-31T10:00:00Z"),
    ],
)
def test_a_period_ends_with_the_whole_of_its_last_day_or_at_a_time(to: str, last: str) -> None:
    period = Period.read("2026-08-01", to, revisions=False)
    assert period.begin is not None
    assert period.end is not None
    assert (iso_of(period.begin), iso_of(period.end)) == ("2026-08-01T00:00:00Z", last)
