import shutil
from pathlib import Path

import pytest

from forecasting import load_universal
from forecasting.errors import ReleaseError, SeriesError, UnknownNameError
from forecasting.models.checkpoint import CPU
from forecasting.releases.registry import Registry, load_forecaster
from forecasting.releases.release import open_current, universal_names
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.timestep import MONTH, TimeStep
from tests.forecasting.models.universal.tiny import publish, series, walk


@pytest.fixture
def mixed(artifacts: Path, tmp_path: Path) -> Path:
    """A folder with the releases of two places and two universal ones."""
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    publish(folder, "ocean-daily", "day", {"gru": 0.0})
    publish(folder, "ocean-monthly", "month", {"gru": 0.0})
    return folder


def test_places_and_universal_releases_are_told_apart(mixed: Path) -> None:
    assert universal_names(mixed) == ["ocean-daily", "ocean-monthly"]
    assert set(Registry.open(mixed, CPU, "nino12").releases) == {"nino12", "buoy"}
    assert set(UniversalCatalog.open(mixed, CPU).by_dataset) == {"ocean-daily", "ocean-monthly"}


def test_a_universal_release_is_found_by_name_step_or_model(mixed: Path) -> None:
    releases = UniversalCatalog.open(mixed, CPU)
    assert releases.steps == [TimeStep.parse("day"), MONTH]
    assert releases.at(MONTH) is releases.dataset("ocean-monthly")
    assert releases.at(TimeStep.parse("hour")) is None
    assert releases.nearest(TimeStep.parse("hour")) is releases.dataset("ocean-daily")
    assert releases.find("ocean-daily-gru", None) == (releases.dataset("ocean-daily"), "gru")
    assert releases.find("nino12-gru", None) is None
    with pytest.raises(UnknownNameError, match=r"no universal release 'nino12'; available: ocean-daily, ocean-monthly"):
        releases.dataset("nino12")


def test_a_step_that_no_release_takes_is_an_error_of_the_series(tmp_path: Path) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0})
    (error,) = UniversalCatalog.open(tmp_path, CPU).forecast_many([series(range(60), "month")])
    assert isinstance(error, SeriesError)
    assert "forecasts steps of one month; available steps: one day;" in str(error)


def test_a_folder_without_universal_releases_has_none(artifacts: Path) -> None:
    assert len(UniversalCatalog.open(artifacts, CPU)) == 0


def test_two_releases_of_one_step_are_refused(tmp_path: Path) -> None:
    publish(tmp_path, "ocean-daily", "day", {"gru": 0.0})
    publish(tmp_path, "sea-daily", "day", {"gru": 0.0})
    with pytest.raises(ReleaseError, match="ocean-daily and sea-daily both forecast steps of one day: remove one"):
        UniversalCatalog.open(tmp_path, CPU)


def test_an_altered_release_falls_back_to_the_version_that_serves(mixed: Path) -> None:
    served = open_current(mixed, "ocean-daily").path
    broken = served.with_name("20260102T000000Z")
    shutil.copytree(served, broken)
    manifest = broken / "manifest.json"
    manifest.write_text(manifest.read_text().replace(served.name, broken.name))
    (broken / "gru.pt").write_bytes(b"")
    (mixed / "ocean-daily" / "current").write_text(broken.name)
    with pytest.raises(ReleaseError, match=r"gru\.pt has changed since it was published"):
        UniversalCatalog.open(mixed, CPU)
    registry = Registry.open(mixed, CPU, "nino12", {"ocean-daily": served.name})
    assert registry.universal.dataset("ocean-daily").version == served.name


def test_each_kind_of_release_names_the_function_that_opens_it(mixed: Path) -> None:
    release = load_universal("ocean-daily", mixed)
    assert release.forecast(walk(60), 3).sst.shape == (3,)
    with pytest.raises(UnknownNameError, match="universal release ocean-daily: open it with load_universal"):
        load_forecaster("ocean-daily-gru", mixed)
    with pytest.raises(UnknownNameError, match="nino12 is the release of a place: open it with load_forecaster"):
        load_universal("nino12", mixed)
