import json
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError, ReleaseError, RequestError
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.releases.release import PlaceRelease, current_version
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from tests.conftest import NINO12
from tests.imported import HORIZON
from tests.training.importing import modules
from training.data.dataset import Dataset
from training.importing.contract import ModelFile
from training.importing.run import MAY_HAVE_SEEN, Import, ImportedNetwork, evaluation_dataset, import_models
from training.publish.export import Identity
from training.run import Destination


@pytest.fixture(scope="session")
def imported(abroad: Path) -> PlaceRelease:
    """The release of two imported networks, without a statement on their training data."""
    (folder,) = (abroad / "abroad").glob("2*")
    return PlaceRelease.open(folder).load()


def test_a_release_of_imported_networks_has_their_names_and_honest_figures(
    imported: PlaceRelease, nino12: SstSeries
) -> None:
    report = imported.report
    assert imported.cells == ("persistent", "steady")
    assert {model.name: model.kind for model in report.models} == {
        "steady": "imported", "persistent": "imported",
        "persistence": "baseline", "climatology": "baseline", "damped": "baseline", "linear": "baseline",
    }  # fmt: skip
    by_name = {model.name: model for model in report.models}
    assert by_name["persistent"].accuracy["test"].rmse == pytest.approx(by_name["persistence"].accuracy["test"].rmse)
    assert by_name["persistent"].skill["persistence"].value == pytest.approx((0.0,) * HORIZON, abs=1e-5)
    dataset = Dataset(nino12, ForecastShape(modules.WINDOW, HORIZON, modules.WINDOW // 8))
    test = Evaluation.run(dataset.origins("test"), {"steady": imported.forecasters["steady"]})
    assert test.accuracy("steady") == by_name["steady"].accuracy["test"]
    assert (by_name["steady"].train_seconds, by_name["steady"].parameters) == (None, 1)


def test_a_release_says_what_was_imported_and_that_it_may_have_seen_the_test_part(imported: PlaceRelease) -> None:
    source = imported.forecasters["steady"].metadata.imported
    assert source is not None
    assert (source.file, source.trained_until) == ("steady.pt", None)
    assert imported.report.imported["steady"] == source
    assert [model.caveat for model in imported.report.networks] == [MAY_HAVE_SEEN] * 2
    card, report = ((imported.path / name).read_text() for name in ("MODEL_CARD.md", "report.md"))
    assert "the end of its training data is not known" in card
    assert source.sha256 in card
    for text in (card, report):
        assert "| steady (may have seen the test part)" in text
        assert "steady and persistent may have seen the test part in training." in text
    assert "recurrent" not in card


def test_intervals_that_serve_also_rest_on_errors_in_the_test_part(imported: PlaceRelease) -> None:
    evaluated, _ = imported.load_evaluated()
    n = [networks["steady"].metadata.errors.n[0] for networks in (evaluated, imported.forecasters)]
    assert n[1] - n[0] == imported.report.periods["test"].n
    sidecar = json.loads((imported.path / "steady.json").read_bytes())
    assert sidecar["imported"]["sha256"] == imported.report.imported["steady"].sha256


@pytest.mark.parametrize(
    ("until", "caveat", "unseen"),
    [("1990-06-01", None, True), ("2009-12-01", MAY_HAVE_SEEN, True), ("2010-12-01", MAY_HAVE_SEEN, False)],
)
def test_networks_trained_until_a_date_are_calibrated_on_what_follows_it(
    until: str, caveat: str | None, unseen: bool, nino12: SstSeries, tmp_path: Path
) -> None:
    time = np.datetime64(until, "s")
    file = ModelFile("steady.pt", modules.torchscript(modules.Steady()))
    network = ImportedNetwork("steady", file, time, 1)
    dataset = evaluation_dataset(nino12, ForecastShape(modules.WINDOW, HORIZON, 3))
    identity = Identity("abroad", "20260101T000000Z", "2026-01-01T00:00:00Z", "nino12.csv", "0" * 64)
    metadata = network.export(dataset, identity, tmp_path).served.forecaster.metadata
    assert metadata.imported is not None
    assert (metadata.imported.trained_until, network.caveat(dataset)) == (f"{until}T00:00:00Z", caveat)
    after = int((nino12.times > time).sum())
    assert metadata.errors.n[0] == (after if unseen else len(nino12) - len(nino12) * 8 // 20)


def test_nothing_is_published_if_one_network_cannot_be_used(nino12: SstSeries, tmp_path: Path) -> None:
    good = modules.save(modules.Steady(), tmp_path / "good.pt")
    bad = modules.save(modules.made("sst[:, -1:]"), tmp_path / "bad.pt")
    with pytest.raises(ReleaseError, match=r"^bad\.pt: forward returns the shape"):
        import_models(Import({"bad": bad, "good": good}), nino12, NINO12, Destination("abroad", tmp_path / "artifacts"))
    assert not (tmp_path / "artifacts" / "abroad").exists()


@pytest.mark.long
def test_networks_of_one_release_have_one_window(nino12: SstSeries, tmp_path: Path) -> None:
    windows = {"a": 24, "b": 36}
    models = {name: modules.save(modules.Steady(window), tmp_path / f"{name}.pt") for name, window in windows.items()}
    with pytest.raises(RequestError, match=r"same window, but have a\.pt 24, b\.pt 36 values"):
        import_models(Import(models), nino12, NINO12, Destination("abroad", tmp_path / "artifacts"))


@pytest.mark.long
def test_a_series_has_to_be_long_enough_for_the_figures(nino12: SstSeries, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nino12\.csv: 90 values are too few to evaluate .* need at least 120"):
        import_models(
            Import({"steady": modules.save(modules.Steady(), tmp_path / "steady.pt")}, HORIZON),
            nino12.part(0, 90), NINO12, Destination("abroad", tmp_path / "artifacts"),
        )  # fmt: skip


def test_the_served_module_is_the_imported_one(imported: PlaceRelease, nino12: SstSeries) -> None:
    windows, times = np.full((1, modules.WINDOW), 20.0), nino12.times[:1]
    assert imported.forecasters["steady"].roll(windows, times, 2).round(4).tolist() == [[20.3, 20.57]]
    assert current_version(imported.path.parent) == imported.version
