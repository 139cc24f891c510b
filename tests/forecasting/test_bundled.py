"""The bundled releases are the default where there are no others."""

from pathlib import Path

import pytest

from forecasting import NINO12, UnknownNameError, load_forecaster, load_universal, read_csv
from forecasting.bundled import RELEASES
from service.settings import Settings
from tests.signing import make_key
from training.fit.universal_start import UniversalStart


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_folder_gets_the_bundled_releases() -> None:
    assert load_forecaster("nino12-gru").metadata.model == "nino12-gru"
    assert load_universal("ocean-daily").name == "ocean-daily"
    assert Settings().artifacts == RELEASES


def test_a_folder_of_artifacts_takes_the_place_of_the_bundled_releases(folder: Path) -> None:
    (folder / "artifacts").mkdir()
    assert Settings().artifacts == Path("artifacts")
    with pytest.raises(UnknownNameError, match="no dataset 'nino12' is published"):
        load_forecaster("nino12-gru")
    with pytest.raises(UnknownNameError, match="no dataset 'ocean-daily' is published"):
        load_universal("ocean-daily")


def test_training_starts_from_a_bundled_release_unless_releases_must_be_signed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = read_csv(NINO12)
    found = UniversalStart.find([Path("artifacts"), RELEASES], series)
    assert found is not None
    assert found.dataset == "ocean-monthly"
    _, public = make_key(folder, "alice")
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    assert UniversalStart.find([Path("artifacts"), RELEASES], series) is None
