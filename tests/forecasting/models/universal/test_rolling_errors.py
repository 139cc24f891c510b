import numpy as np
import pytest

from forecasting.events.paths import Dependence
from forecasting.models.universal.backtest import RollingErrors
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.references import Steps
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from tests.forecasting.models.universal.tiny import series, walk

LEADS = 5
NOWHERE = np.full((1, 7), np.nan, dtype=np.float32)


def learned() -> Dependence:
    """A dependence with variants for errors that correlate little and much."""
    rng = np.random.default_rng(3)
    shocks = rng.normal(size=(40, 60, 14))
    decay = np.linspace(0.1, 0.98, 40)[:, None]
    for lead in range(1, 14):
        shocks[..., lead] = decay * shocks[..., lead - 1] + np.sqrt(1 - decay**2) * shocks[..., lead]
    return Dependence.of_series(shocks, shocks)


@pytest.fixture(scope="module")
def release(daily: UniversalRelease) -> UniversalRelease:
    """The tiny release with a learned dependence."""
    gru = daily.networks["gru"]
    metadata = gru.metadata.model_copy(update={"dependence": learned()})
    return UniversalRelease(
        "ocean-daily", daily.version, {"gru": UniversalForecaster(gru.module, metadata, gru.device)}
    )


def gappy(n: int) -> SstSeries:
    """A sea whose noise changes with time, with gaps."""
    values = walk(n).values + np.random.default_rng(1).normal(0, np.linspace(0, 1.5, n))
    values[np.random.default_rng(2).random(n) < 0.07] = np.nan
    return series(values)


def rolled(release: UniversalRelease, values: Floats) -> tuple[RollingErrors, Steps]:
    network = release.networks["gru"]
    observed = np.isfinite(values)
    origins = np.flatnonzero(observed & (np.cumsum(observed) >= network.metadata.minimum)).astype(np.int64)
    answers = network.backtest(values[None], np.zeros(1), NOWHERE, origins)[0, :, :LEADS]
    return RollingErrors.of(values, origins, answers, 1, network.metadata, origins), origins


def test_each_origin_knows_what_a_forecast_from_there_knows(release: UniversalRelease) -> None:
    sent = gappy(560)
    past, origins = rolled(release, sent.values)
    rows = np.r_[np.arange(0, 150, 7), np.arange(150, len(origins), 23)]
    quantiles = past.quantiles(rows, 1, LEADS)
    dependence = release.networks["gru"].metadata.dependence
    assert dependence is not None
    variants = past.variants(rows, dependence, LEADS)
    for place, row in enumerate(rows.tolist()):
        forecast = release.forecast(sent.part(0, int(origins[row]) + 1), LEADS, model="gru")
        np.testing.assert_allclose(quantiles[place], forecast.distribution.at_leads, atol=1e-5)
        suited = dependence.of_variants[variants[place]] if variants[place] >= 0 else dependence
        assert forecast.distribution.coupling.dependence == suited
    assert len(set(variants.tolist())) > 2
    assert (np.abs(past.factors(rows, 1, LEADS) - 1) > 0.05).any()


def test_nothing_that_came_later_changes_what_an_origin_knew(release: UniversalRelease) -> None:
    values = gappy(300).values
    past, origins = rolled(release, values)
    changed = values.copy()
    changed[int(origins[200]) + 1 :] += 3.0
    other, same = rolled(release, changed)
    rows = np.arange(201)
    np.testing.assert_array_equal(origins, same)
    np.testing.assert_array_equal(past.factors(rows, 1, LEADS), other.factors(rows, 1, LEADS))
    assert (past.factors(np.arange(250, 260), 1, LEADS) != other.factors(np.arange(250, 260), 1, LEADS)).any()


def test_leads_of_a_record_may_begin_later(release: UniversalRelease) -> None:
    values = gappy(300).values
    past, origins = rolled(release, values)
    late = RollingErrors.of(values, origins, past.answers[:, 3:], 4, past.metadata, origins)
    rows = np.arange(0, len(origins), 11)
    np.testing.assert_array_equal(late.quantiles(rows, 4, 5), past.quantiles(rows, 1, 5)[:, 3:])
