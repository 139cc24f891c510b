"""POST /series?check=true: which values of a file are implausible given the forecasts made before them."""

import httpx
import numpy as np
import pytest

from service.plugins.uploads import schemas
from service.plugins.uploads.schemas import FileReading
from tests.service.requests import CSV, Json, answered


def file(sst: "list[float | None]", hours: int = 24, flags: "dict[int, int] | None" = None) -> str:
    """A CSV file of values that begin in 2024, with the flag 1 but where ``flags`` says otherwise."""
    times = np.datetime64("2024-01-01T00:00") + np.arange(len(sst)) * np.timedelta64(hours, "h")
    rows = [
        f"{time},{'' if value is None else value},{(flags or {}).get(i, 1)}"
        for i, (time, value) in enumerate(zip(times, sst, strict=True))
    ]
    return "\n".join(["time,sst,sst_qc", *rows])


def sea(n: int = 60) -> "list[float | None]":
    return [round(18 + np.sin(i / 20) + 0.2 * np.sin(1.7 * i), 2) for i in range(n)]


def checked(client: httpx.Client, content: str, **parameters: str) -> Json:
    """Return the answer, held to the schema."""
    answer = answered(client.post("/series", content=content, headers=CSV, params={"check": "true", **parameters}))
    FileReading.model_validate(answer)
    return answer


def test_implausible_values_are_listed_with_what_was_expected(seas_client: httpx.Client) -> None:
    sst = sea()
    sst[20], sst[30], sst[59] = None, 9.5, 35.0
    answer = checked(seas_client, file(sst, flags={40: 3}))
    (check,) = answer["checks"]
    assert (check["id"], check["problem"]) == ("0", None)
    assert check["flags"] == [2] * 14 + [1] * 6 + [9] + [1] * 9 + [3] + [1] * 28 + [3]
    suspects = check["suspects"]
    assert suspects["timestamps"] == ["2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z"]
    assert suspects["sst"] == [9.5, 35.0]
    assert suspects["lower"][1] < sst[58] < suspects["upper"][1] < 25
    assert answer["flagged"][0]["timestamps"] == ["2024-02-10T00:00:00Z"]
    assert answer["series"][0]["values"][-1] == 35.0


def test_without_a_request_for_it_nothing_is_checked(seas_client: httpx.Client) -> None:
    content = file([*sea(), 35.0])
    plain = answered(seas_client.post("/series", content=content, headers=CSV))
    assert "checks" not in plain
    assert {name: value for name, value in checked(seas_client, content).items() if name != "checks"} == plain


def test_a_step_without_a_universal_release_says_how_to_check_it(seas_client: httpx.Client) -> None:
    answer = checked(seas_client, file(sea(), hours=1))
    (check,) = answer["checks"]
    assert check["problem"] == (
        "the values are not checked, as no universal release has their step of one hour: resample them to one of one "
        "day (ocean-daily), one month (ocean-monthly)"
    )
    assert set(check["flags"]) == {2}
    assert check["suspects"] == {"timestamps": [], "sst": [], "lower": [], "upper": []}


def test_a_service_without_universal_releases_checks_nothing(client: httpx.Client) -> None:
    (check,) = checked(client, file(sea()))["checks"]
    assert check["problem"] == "the values are not checked: that needs a universal release, but none is loaded"


def test_each_station_has_a_check_and_a_share_of_the_values_that_are_checked(
    seas_client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.plugins.uploads.response.MAX_CHECKED", 40)
    days = np.datetime64("2024-01-01") + np.arange(60)
    rows = [f"{name},{day},{value}" for name in "ab" for day, value in zip(days, [*sea(59), 35.0], strict=True)]
    answer = checked(seas_client, "\n".join(["station,time,sst", *rows]))
    for name, check in zip("ab", answer["checks"], strict=True):
        assert check["id"] == name
        assert check["flags"] == [2] * 40 + [1] * 19 + [3]
    assert schemas.MAX_CHECKED >= 20_000


def test_lines_are_series_as_forecast_takes_them(seas_client: httpx.Client) -> None:
    headers = CSV | {"Accept": "application/x-ndjson"}
    lines = [
        seas_client.post("/series", content=file(sea()), headers=headers, params={"check": check}).content
        for check in ("false", "true")
    ]
    assert lines[0] == lines[1]
