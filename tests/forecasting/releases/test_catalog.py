import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from forecasting import load_universal
from forecasting.errors import ReleaseError, RequestError, UnknownNameError
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.checkpoint import CPU, choose_device
from forecasting.releases.catalog import Catalog, load_forecaster
from forecasting.releases.release import Release, current_version, dataset_names, open_current, universal_names
from forecasting.series.batch import SeriesByStep
from forecasting.series.timestep import MONTH, TimeStep
from tests.forecasting.models.universal.tiny import publish, series, walk


@pytest.fixture
def copy(artifacts: Path, tmp_path: Path) -> Path:
    """The artifacts folder, to be damaged."""
    return Path(shutil.copytree(artifacts, tmp_path / "artifacts"))


def release_folder(artifacts: Path) -> Path:
    return artifacts / "nino12" / (current_version(artifacts / "nino12") or "")


def test_every_dataset_is_loaded_with_its_three_cells(catalog: Catalog) -> None:
    assert [forecaster.metadata.model for forecaster in catalog.models] == [
        *("buoy-rnn", "buoy-lstm", "buoy-gru"),
        *("nino12-rnn", "nino12-lstm", "nino12-gru"),
    ]


def test_names_resolve_as_documented(catalog: Catalog) -> None:
    def names(model: str, dataset: str | None = None) -> list[str]:
        return [forecaster.metadata.model for forecaster in catalog.resolve(model, dataset)[1]]

    assert names("gru") == ["nino12-gru"]
    assert names("gru", "buoy") == ["buoy-gru"]
    assert names("buoy-lstm") == ["buoy-lstm"]
    assert names("buoy-lstm", "buoy") == ["buoy-lstm"]
    assert names("all") == ["nino12-rnn", "nino12-lstm", "nino12-gru"]


def test_best_is_the_cell_with_the_lowest_validation_rmse(catalog: Catalog) -> None:
    release, (best,) = catalog.resolve("best")
    rmse = {
        cell: forecaster.metadata.accuracy["validation"].rmse[0] for cell, forecaster in release.forecasters.items()
    }
    assert best.metadata.cell == min(rmse, key=lambda cell: rmse[cell])


def test_a_full_name_that_contradicts_the_dataset_is_refused(catalog: Catalog) -> None:
    with pytest.raises(RequestError, match="buoy-gru belongs to dataset buoy, not nino12"):
        catalog.resolve("buoy-gru", "nino12")


def test_unknown_names_are_refused_with_the_known_ones(catalog: Catalog) -> None:
    with pytest.raises(UnknownNameError, match="no dataset 'north-sea'; available: buoy, nino12"):
        catalog.resolve("gru", "north-sea")
    with pytest.raises(UnknownNameError, match=r"no model 'transformer'.*nino12-gru"):
        catalog.resolve("transformer")
    with pytest.raises(UnknownNameError, match="is included in each forecast, under baselines"):
        catalog.resolve("persistence")


@pytest.mark.parametrize(
    "name", ["gru.pt", "gru.json", "report.json", "baselines.json", "recent.csv", "predictions.csv"]
)
def test_a_changed_byte_in_any_file_prevents_loading(copy: Path, name: str) -> None:
    path = release_folder(copy) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ReleaseError, match=f"{name} has changed since it was published"):
        Catalog.open(copy, CPU, "nino12")


@pytest.mark.parametrize("name", ["lstm.pt", "comparison.png", "manifest.json"])
def test_a_missing_file_prevents_loading(copy: Path, name: str) -> None:
    (release_folder(copy) / name).unlink()
    with pytest.raises(ReleaseError, match=f"cannot read .*{name}: No such file"):
        Catalog.open(copy, CPU, "nino12")


def test_a_checkpoint_is_checked_before_torch_sees_it(copy: Path) -> None:
    """A file that torch could not load is refused by its digest, and never gets that far."""
    (release_folder(copy) / "gru.pt").write_bytes(b"no archive")
    with pytest.raises(ReleaseError, match="sha256 differs"):
        load_forecaster("nino12-gru", copy)


def test_a_release_under_another_name_is_refused(copy: Path) -> None:
    folder = release_folder(copy)
    folder.rename(folder.with_name("20200101T000000Z"))
    (copy / "nino12" / "current").write_text("20200101T000000Z\n")
    with pytest.raises(ReleaseError, match="the manifest belongs to nino12"):
        Catalog.open(copy, CPU, "nino12")


@pytest.mark.parametrize("pointer", ["", "../../etc", "latest\n"])
def test_a_pointer_that_does_not_name_a_version_is_refused(copy: Path, pointer: str) -> None:
    (copy / "nino12" / "current").write_text(pointer)
    with pytest.raises(ReleaseError, match="current does not name a version"):
        open_current(copy, "nino12")


def test_a_manifest_that_cannot_be_used_is_refused(copy: Path) -> None:
    path = release_folder(copy) / "manifest.json"
    path.write_text(json.dumps({"dataset": "nino12"}))
    with pytest.raises(ReleaseError, match=r"manifest\.json cannot be used"):
        Catalog.open(copy, CPU, "nino12")


def test_a_file_outside_the_manifest_is_not_read(copy: Path) -> None:
    release = Release.open(release_folder(copy))
    (release.path / "extra.pt").write_bytes(b"")
    with pytest.raises(ReleaseError, match=r"has no extra\.pt"):
        release.read("extra.pt")


def test_a_default_dataset_without_a_release_prevents_loading(artifacts: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"no release of the default dataset 'north-sea'; available: buoy, nino12;"):
        Catalog.open(artifacts, CPU, "north-sea")
    with pytest.raises(ReleaseError, match=r"cannot read .*: No such file"):
        Catalog.open(tmp_path / "none", CPU, "nino12")


def test_unpublished_folders_are_ignored(copy: Path) -> None:
    (copy / ".hidden").mkdir()
    (copy / "draft").mkdir()
    assert dataset_names(copy) == ["buoy", "nino12"]


def test_a_model_loads_by_its_full_name(artifacts: Path) -> None:
    assert load_forecaster("buoy-rnn", artifacts).metadata.cell == "rnn"
    with pytest.raises(UnknownNameError, match="no model 'buoy-transformer'; available: buoy-rnn"):
        load_forecaster("buoy-transformer", artifacts)
    with pytest.raises(UnknownNameError, match="no dataset"):
        load_forecaster("../etc-gru", artifacts)
    with pytest.raises(UnknownNameError, match="'buoy' names no network: write its dataset and its cell, as in nino12"):
        load_forecaster("buoy", artifacts)


def test_devices_are_found_by_name_and_unknown_ones_refused() -> None:
    there = torch.cuda.device_count()
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type == ("cuda" if there else "cpu")
    with pytest.raises(RequestError, match=f"is not available: torch finds {there} GPUs?"):
        choose_device(f"cuda:{there}")
    with pytest.raises(RequestError, match="choose auto, cpu, cuda or cuda:N"):
        choose_device("tpu")


@pytest.fixture
def mixed(artifacts: Path, tmp_path: Path) -> Path:
    """A folder with the releases of two places and two universal ones."""
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    publish(folder, "ocean-daily", "day", {"gru": 0.0})
    publish(folder, "ocean-monthly", "month", {"gru": 0.0})
    return folder


def test_places_and_universal_releases_are_told_apart(mixed: Path, artifacts: Path) -> None:
    assert universal_names(mixed) == ["ocean-daily", "ocean-monthly"]
    catalog = Catalog.open(mixed, CPU, "nino12")
    assert set(catalog.places) == {"nino12", "buoy"}
    assert set(catalog.universal) == {"ocean-daily", "ocean-monthly"}
    assert not Catalog.open(artifacts, CPU, lazy=True).served


@pytest.mark.parametrize("lazy", [False, True])
def test_a_universal_release_is_found_by_name_step_or_model(mixed: Path, lazy: bool) -> None:
    catalog = Catalog.open(mixed, CPU, lazy=lazy)
    assert [*catalog.served] == [TimeStep.parse("day"), MONTH]
    assert catalog.steps_in_words == "one day (ocean-daily), one month (ocean-monthly)"
    assert catalog.universal_cells == ("gru",)
    assert catalog.at(MONTH) is catalog.universal["ocean-monthly"]
    assert catalog.at(TimeStep.parse("hour")) is None
    assert catalog.nearest(TimeStep.parse("hour")) is catalog.universal["ocean-daily"]
    assert catalog.nearest(TimeStep.parse("P2D"), 7) is catalog.universal["ocean-daily"]
    assert catalog.find("ocean-daily-gru") == (catalog.universal["ocean-daily"], "gru")
    assert catalog.find("best", "ocean-daily") == (catalog.universal["ocean-daily"], "best")
    assert catalog.find("nino12-gru") == (catalog.places["nino12"], "gru")
    with pytest.raises(UnknownNameError, match="no dataset 'north-sea'; available: buoy, nino12, ocean-daily, ocean-"):
        catalog.find("gru", "north-sea")
    with pytest.raises(UnknownNameError, match=r"no model 'transformer'; available: best, all, rnn, lstm, gru$"):
        catalog.find("transformer")
    with pytest.raises(RequestError, match="ocean-monthly-gru belongs to dataset ocean-monthly, not ocean-daily"):
        catalog.find("ocean-monthly-gru", "ocean-daily")
    with pytest.raises(RequestError, match="ocean-daily-gru forecasts any sea") as error:
        catalog.resolve("ocean-daily-gru")
    assert error.value.field == "model"
    with pytest.raises(RequestError, match="ocean-daily forecasts any sea") as error:
        catalog.resolve("gru", "ocean-daily")
    assert error.value.field == "dataset"


def test_a_release_that_loads_on_first_use_does_not_need_the_others(mixed: Path) -> None:
    for name in ("buoy", "ocean-monthly"):
        (open_current(mixed, name).path / "gru.pt").unlink()
        (open_current(mixed, name).path / "manifest.json").write_text("{}")
    catalog = Catalog.open(mixed, CPU, lazy=True)
    release, (network,) = catalog.resolve("nino12-gru")
    assert (release.dataset, network.metadata.model) == ("nino12", "nino12-gru")
    assert catalog.select("best", "ocean-daily").named[0].step == TimeStep.parse("day")
    assert "ocean-daily-gru" in catalog.model_names
    assert "buoy-gru" not in catalog.model_names
    with pytest.raises(ReleaseError, match=r"manifest\.json cannot be used"):
        catalog.resolve("gru", "buoy")


def test_a_series_is_forecast_by_the_release_of_its_step_or_has_an_error(tmp_path: Path) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0})
    given = SeriesByStep.of([walk(60), series(range(60), "month"), series(walk(60).values, "P2D")])
    (forecasts,) = Catalog.open(tmp_path, CPU).select("best", None).forecast(given, ForecastOptions(3))
    assert forecasts.row.tolist() == [0, 2]
    assert "the step is one month, but no universal release for this step is loaded" in str(forecasts.errors[1])
    assert "send a series at an available step: one day (ocean-daily)" in str(forecasts.errors[1])


def test_a_horizon_that_is_too_long_stays_an_error_after_a_shorter_one_was_answered(tmp_path: Path) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0})
    selection, given = Catalog.open(tmp_path, CPU).select("best", None), SeriesByStep.of([walk(60)])
    lengths = [len(selection.forecast(given, ForecastOptions(horizon))[0]) for horizon in (3, 3, 15, 3)]
    assert lengths == [1, 1, 0, 1]


def test_a_horizon_beyond_the_release_of_the_step_is_an_error_of_the_series(tmp_path: Path) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0})
    selection = Catalog.open(tmp_path, CPU).select("gru", None)
    (forecasts,) = selection.forecast(SeriesByStep.of([walk(60)]), ForecastOptions(15))
    assert str(forecasts.errors[0]) == "horizon 15 is out of range: ocean-daily forecasts 1 to 14 steps of one day"
    assert selection.refusal(TimeStep.parse("day"), 14) is None


def test_a_network_that_only_one_of_the_releases_has_is_missing_from_series_of_the_other(tmp_path: Path) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0, "lstm": 0.0})
    publish(tmp_path, "ocean-monthly", "month", {"gru": 0.0})
    selection = Catalog.open(tmp_path, CPU, lazy=True).select("all", None)
    given = SeriesByStep.of([walk(60), series(walk(60).values, "month")])
    columns = dict(zip(selection.columns, selection.forecast(given, ForecastOptions(3)), strict=True))
    assert {cell: column.row.tolist() for cell, column in columns.items()} == {"lstm": [0], "gru": [0, 1]}
    assert str(columns["lstm"].errors[1]) == "ocean-monthly-lstm is not loaded; loaded: ocean-monthly-gru"


@pytest.mark.parametrize("lazy", [False, True])
def test_two_releases_of_one_step_are_refused(tmp_path: Path, lazy: bool) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0})
    publish(tmp_path, "sea-daily", "day", {"gru": 0.0})
    with pytest.raises(ReleaseError, match="ocean-daily and sea-daily both forecast steps of one day: remove one"):
        Catalog.open(tmp_path, CPU, lazy=lazy).at(MONTH)


def test_an_altered_release_falls_back_to_the_version_that_serves(mixed: Path) -> None:
    served = open_current(mixed, "ocean-daily").path
    broken = served.with_name("20260102T000000Z")
    shutil.copytree(served, broken)
    manifest = broken / "manifest.json"
    manifest.write_text(manifest.read_text().replace(served.name, broken.name))
    (broken / "gru.pt").write_bytes(b"")
    (mixed / "ocean-daily" / "current").write_text(broken.name)
    with pytest.raises(ReleaseError, match=r"gru\.pt has changed since it was published"):
        Catalog.open(mixed, CPU)
    catalog = Catalog.open(mixed, CPU, "nino12", {"ocean-daily": served.name})
    assert catalog.universal["ocean-daily"].version == served.name


def test_each_kind_of_release_names_the_function_that_opens_it(mixed: Path) -> None:
    release = load_universal("ocean-daily", mixed)
    assert release.forecast(walk(60), 3).sst.shape == (3,)
    with pytest.raises(UnknownNameError, match="universal release ocean-daily: open it with load_universal"):
        load_forecaster("ocean-daily-gru", mixed)
    with pytest.raises(UnknownNameError, match="nino12 is the release of a place: open it with load_forecaster"):
        load_universal("nino12", mixed)


def test_a_release_on_disk_says_what_its_networks_are_and_travels_with_its_manifest(tmp_path: Path) -> None:
    folder = publish(tmp_path, "ocean-daily", "day", {"lstm": 0.0, "gru": 0.0})
    publish(tmp_path, "ocean-hourly", "hour", {"gru": 0.0})
    hourly, daily = Catalog.open(tmp_path, CPU, lazy=True).served.values()
    assert (hourly.dataset, daily.cells, daily.best) == ("ocean-hourly", ("lstm", "gru"), "lstm")
    assert (str(daily.step), daily.horizon, daily.metadata["gru"].cell) == ("day", 14, "gru")
    assert daily.file("gru.pt").sha256 == daily.manifest.files["gru.pt"].sha256
    travelled = pickle.loads(pickle.dumps(daily))
    (folder / "manifest.json").unlink()
    assert travelled.load().cells == ("lstm", "gru")
