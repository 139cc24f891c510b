import copy
import multiprocessing
import pickle
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from forecasting.errors import ReleaseError
from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Forecast
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import load_forecaster
from forecasting.series.sst_series import SstSeries
from training.run import Published


def assert_same(forecast: Forecast[Distribution], expected: Forecast[Distribution]) -> None:
    assert forecast.sst.tolist() == expected.sst.tolist()
    assert (forecast.times == expected.times).all()
    assert forecast.warnings == expected.warnings


def test_a_pickled_forecaster_forecasts_the_same(gru: Forecaster, nino12: SstSeries) -> None:
    loaded = pickle.loads(pickle.dumps(gru))
    assert loaded.metadata == gru.metadata
    assert_same(loaded.forecast(nino12, 3), gru.forecast(nino12, 3))


def test_a_pickle_holds_the_path_and_not_the_weights(gru: Forecaster) -> None:
    assert len(pickle.dumps(gru)) < 1_000


@pytest.mark.long
def test_a_forecaster_works_in_a_spawned_process(gru: Forecaster, nino12: SstSeries) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        forecast = pool.submit(gru.forecast, nino12, 3).result()
    assert_same(forecast, gru.forecast(nino12, 3))


def test_a_deep_copy_forecasts_the_same(gru: Forecaster, nino12: SstSeries) -> None:
    assert_same(copy.deepcopy(gru).forecast(nino12), gru.forecast(nino12))


@pytest.fixture
def pickled(published: Published, tmp_path: Path) -> tuple[bytes, Path]:
    """A pickle, and the path of its checkpoint, which may be changed."""
    release = tmp_path / published.path.parent.name / published.path.name
    shutil.copytree(published.path, release)
    shutil.copy(published.path.parent / "current", release.parent)
    return pickle.dumps(load_forecaster("nino12-gru", tmp_path)), release / "gru.pt"


def test_a_changed_checkpoint_is_not_unpickled(pickled: tuple[bytes, Path]) -> None:
    content, checkpoint = pickled
    checkpoint.write_bytes(checkpoint.with_name("lstm.pt").read_bytes())
    with pytest.raises(
        ReleaseError, match=rf"{re.escape(str(checkpoint))} has changed since it was loaded: its sha256 differs"
    ):
        pickle.loads(content)


def test_a_missing_checkpoint_is_named(pickled: tuple[bytes, Path]) -> None:
    content, checkpoint = pickled
    checkpoint.unlink()
    with pytest.raises(ReleaseError, match=rf"cannot read {re.escape(str(checkpoint))}: No such file"):
        pickle.loads(content)


def test_a_forecaster_made_from_a_module_in_memory_is_not_pickled(gru: Forecaster) -> None:
    in_memory = Forecaster(gru.network.module, gru.metadata, gru.device)
    with pytest.raises(pickle.PicklingError, match="made from a module in memory: save its checkpoint, and load that"):
        pickle.dumps(in_memory)
