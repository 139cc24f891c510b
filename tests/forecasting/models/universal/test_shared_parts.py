import numpy as np
import pytest
import torch

from forecasting import load_universal
from forecasting.models.universal.network import UniversalForecaster, backtest_all
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.times import unix_seconds
from tests.forecasting.models.universal.tiny import walk


@pytest.fixture(scope="module")
def shipped() -> UniversalRelease:
    return load_universal("ocean-daily")


def test_shipped_networks_share_all_but_their_cells(shipped: UniversalRelease) -> None:
    networks = [*shipped.networks.values()]
    assert all(network.preparing is networks[0].preparing for network in networks)
    values = np.stack([walk(200, seed).values for seed in range(3)])
    values[1, 40:70] = np.nan
    coefficients = np.full((3, 7), np.nan, dtype=np.float32)
    coefficients[2] = [15.0, 2.0, 1.0, 0.2, 0.1, 0.0, 0.1]
    last_time = unix_seconds(np.array(["2020-01-01", "1999-06-01", "2010-03-01"], dtype="datetime64[s]"))
    origins = np.array([60, 90, 150, 199], dtype=np.int64)
    together = backtest_all(networks, values, last_time, coefficients, origins)
    for network in networks:
        apart = UniversalForecaster(network.module, network.metadata, network.device)
        alone = apart.backtest(values, last_time, coefficients, origins)
        assert together[network.metadata.model] == pytest.approx(alone, abs=1e-4)


def test_networks_with_other_weights_share_nothing(shipped: UniversalRelease) -> None:
    gru, lstm = shipped.networks["gru"], load_universal("ocean-daily").networks["lstm"]

    def beside_gru() -> UniversalForecaster:
        return UniversalForecaster(lstm.module, lstm.metadata, lstm.device, beside=[gru])

    assert beside_gru().preparing is gru.preparing
    with torch.no_grad():
        lstm.module.companion.mean.add_(0.1)
    assert beside_gru().preparing is not gru.preparing
