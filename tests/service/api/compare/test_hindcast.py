"""Forecasts of the test part by networks that have not seen it."""

import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from forecasting.errors import RequestError
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.releases.catalog import Catalog
from forecasting.releases.hindcasts import Hindcasts
from forecasting.releases.release import PlaceRelease
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from service.settings import Settings
from tests.service.requests import Json, answered
from tests.serving import serve
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.publish.release import seal
from training.run import Published


def hindcast(client: httpx.Client, **parameters: str | int) -> Json:
    return answered(client.get("/compare/hindcast", params={"dataset": "nino12", "model": "gru", **parameters}))


def test_past_forecasts_are_those_that_the_accuracy_was_measured_on(
    client: httpx.Client, nino12: SstSeries, small: TrainingConfig, published: Published
) -> None:
    dataset = Dataset.divide(nino12, small)
    networks, _ = PlaceRelease.open(published.path).load_evaluated()
    origins = dataset.origins("test")
    expected = Evaluation.run(origins, {"gru": networks["gru"]}).predicted["gru"]
    begin = int(np.searchsorted(origins.valid_time, np.datetime64("1998-10-01")))
    answer = hindcast(client, origin="1998-09-01", origins=100)
    assert (answer["model"], answer["step"], answer["horizon"]) == ("nino12-gru", "month", 12)
    assert len(answer["forecasts"]) == 100
    for i, forecast in enumerate(answer["forecasts"]):
        row = begin + i
        assert forecast["timestamps"] == [iso(time) for time in origins.times[row]]
        assert forecast["sst"] == pytest.approx(expected[row], abs=1e-5)
        came = [np.nan if value is None else value for value in forecast["observed"]]
        assert came == pytest.approx(origins.targets[row], abs=1e-6, nan_ok=True)


def test_the_first_lead_is_that_of_the_predictions(client: httpx.Client) -> None:
    predictions = answered(client.get("/compare/predictions?dataset=nino12"))
    forecasts = hindcast(client, origin="1998-09-01", origins=100)["forecasts"]
    assert [forecast["timestamps"][0] for forecast in forecasts] == predictions["timestamps"][:100]
    first = [forecast["sst"][0] for forecast in forecasts]
    assert first == pytest.approx(predictions["predictions"]["nino12-gru"][:100], abs=1e-3)
    for name in ("persistence", "climatology", "damped", "linear"):
        first = [forecast["baselines"][name][0] for forecast in forecasts]
        assert first == pytest.approx(predictions["predictions"][name][:100], abs=1e-3)


def test_the_intervals_cover_as_the_report_says(client: httpx.Client) -> None:
    (gru,) = [model for model in answered(client.get("/compare?horizon=1"))["models"] if model["model"] == "nino12-gru"]
    forecasts = [*hindcast(client, origin="1998-09-01", origins=100)["forecasts"]]
    later = forecasts[-1]["timestamps"][0]
    forecasts += hindcast(client, origin=later, origins=100)["forecasts"]
    assert len(forecasts) == 147
    for place, level in enumerate((80, 95)):
        bands = [forecast["intervals"][place] for forecast in forecasts]
        assert {band["level"] for band in bands} == {level}
        inside = [
            band["lower"][0] <= forecast["observed"][0] <= band["upper"][0]
            for band, forecast in zip(bands, forecasts, strict=True)
        ]
        assert np.mean(inside) == pytest.approx(gru["coverage"][str(level)], abs=1e-6)


def test_the_default_is_the_latest_origin_whose_every_lead_was_observed(client: httpx.Client) -> None:
    answer = hindcast(client)
    (forecast,) = answer["forecasts"]
    assert forecast["timestamps"][-1] == "2010-12-01T00:00:00Z"
    assert None not in forecast["observed"]
    assert answer["origins"] == [{"start": "1998-09-01T00:00:00Z", "end": "2010-11-01T00:00:00Z", "n": 147}]


def test_after_the_end_of_the_test_part_nothing_was_observed(client: httpx.Client) -> None:
    (forecast,) = hindcast(client, origin="2010-11-01", origins=5)["forecasts"]
    assert forecast["observed"] == [22.07, *[None] * 11]
    assert None not in forecast["sst"]


def test_the_observations_reach_from_the_window_to_the_last_lead(client: httpx.Client, nino12: SstSeries) -> None:
    observations = hindcast(client, origin="2005-01-01", origins=3)["observations"]
    first = int(np.searchsorted(nino12.times, np.datetime64("2003-02-01")))
    assert observations["start"] == "2003-02-01T00:00:00Z"
    assert observations["values"] == pytest.approx(nino12.values[first : first + 24 + 2 + 12].tolist())


@pytest.mark.parametrize(
    ("parameters", "status", "detail"),
    [
        (
            {"origin": "1990-01-01"},
            422,
            "origin 1990-01-01 is outside the test part: choose a time from 1998-09-01 to 2010-11-01",
        ),
        (
            {"origin": "2005-01-15"},
            422,
            "no forecast can start from 2005-01-15: it is not a step of the series, or values are missing there; the "
            "nearest origins are 2005-01-01 and 2005-02-01",
        ),
        ({"origin": "yesterday"}, 422, "origin: time 'yesterday' is not an ISO 8601 time"),
        ({"origins": "101"}, 422, "origins"),
        ({"model": "all"}, 422, "past forecasts come from one model: choose best or the name of one network"),
        ({"model": "transformer"}, 404, "no model 'transformer'"),
        ({"dataset": "atlantis"}, 404, "no dataset 'atlantis'"),
    ],
)
def test_a_hindcast_that_cannot_be_answered_is_explained(
    client: httpx.Client, parameters: dict[str, str], status: int, detail: str
) -> None:
    response = client.get("/compare/hindcast", params={"dataset": "nino12", **parameters})
    assert response.status_code == status
    assert detail in response.json()["detail"]


def copy_of(published: Published, artifacts: Path, folder: Path, *removed: str) -> Path:
    """Copy the release of nino12 without some of its files; return the new artifacts folder."""
    release = folder / "nino12" / published.path.name
    shutil.copytree(published.path, release)
    for name in removed:
        (release / name).unlink()
    seal(release, "nino12", release.name)
    shutil.copy(artifacts / "nino12" / "current", folder / "nino12" / "current")
    return folder


@pytest.mark.parametrize(
    ("names", "offered"),
    [(("rnn.pt", "lstm.pt", "gru.pt", "baselines.json", "series.csv"), False), (("series.csv",), True)],
)
def test_a_release_without_evaluated_networks_or_their_test_part_says_so(
    published: Published, artifacts: Path, tmp_path: Path, names: tuple[str, ...], offered: bool
) -> None:
    copy = copy_of(published, artifacts, tmp_path, *(f"evaluated/{name}" for name in names))
    with serve(Settings(artifacts=copy)) as client:
        response = client.get("/compare/hindcast")
        assert response.status_code == 404
        assert "of nino12 does not hold the networks that its accuracy was measured on" in response.json()["detail"]
        assert response.json()["detail"].endswith("train the dataset again")
        assert answered(client.get("/compare/predictions"))["hindcast"] == offered


def test_a_release_whose_test_part_has_too_many_gaps_says_so(
    published: Published, artifacts: Path, tmp_path: Path
) -> None:
    copy = copy_of(published, artifacts, tmp_path)
    release = copy / "nino12" / published.path.name
    header, *rows = (release / "evaluated" / "series.csv").read_text().splitlines(keepends=True)
    gappy = [f"{row.partition(',')[0]},\n" if i % 8 < 4 else row for i, row in enumerate(rows)]
    (release / "evaluated" / "series.csv").write_text("".join([header, *gappy]))
    seal(release, "nino12", release.name)
    with serve(Settings(artifacts=copy)) as client:
        response = client.get("/compare/hindcast")
    assert response.status_code == 404
    assert "does not hold enough of its test part for past forecasts" in response.json()["detail"]


def test_altered_weights_are_refused_with_the_file(published: Published, artifacts: Path, tmp_path: Path) -> None:
    copy = copy_of(published, artifacts, tmp_path)
    with serve(Settings(artifacts=copy)) as client:
        path = copy / "nino12" / published.path.name / "evaluated" / "gru.pt"
        original = path.read_bytes()
        path.write_bytes(original + b" ")
        response = client.get("/compare/hindcast")
        assert response.status_code == 409
        assert "evaluated/gru.pt has changed since it was published" in response.json()["detail"]
        path.write_bytes(original)
        assert answered(client.get("/compare/hindcast"))["forecasts"]


def test_the_networks_stay_in_memory_once_they_are_loaded(
    published: Published, artifacts: Path, tmp_path: Path
) -> None:
    copy = copy_of(published, artifacts, tmp_path)
    with serve(Settings(artifacts=copy)) as client:
        first = answered(client.get("/compare/hindcast"))
        shutil.rmtree(copy / "nino12" / published.path.name / "evaluated")
        assert answered(client.get("/compare/hindcast")) == first


def test_a_gap_splits_the_origins_and_names_its_neighbours(catalog: Catalog) -> None:
    hindcasts = Hindcasts.load(catalog.dataset("nino12"))
    values = hindcasts.series.values.copy()
    values[60] = np.nan
    gappy = replace(hindcasts, series=replace(hindcasts.series, values=values))
    # The missing month is no origin; those after it start from a window in which it is interpolated.
    assert [last - first + 1 for first, last in gappy.runs] == [37, 109]
    times = gappy.series.times
    with pytest.raises(RequestError, match=f"the nearest origins are {short(times[59])} and {short(times[61])}"):
        gappy.find(times[60])
    forecast = gappy.forecast("gru", 36, 1)
    assert np.isnan(gappy.origins.targets[36, 0])
    assert np.isfinite(forecast.sst).all()
