from statistics import NormalDist

import numpy as np
import pytest

from forecasting.events.definitions import Side, ThresholdEvent
from forecasting.events.evaluate import evaluate
from forecasting.events.outlook import Outlook
from forecasting.events.paths import Coupling
from forecasting.events.probability import PATHS, RunEvent, event_probability
from forecasting.series.times import Floats
from tests.forecasting.events.outlooks import outlook

LEADS = 8
COUPLING = Coupling(None, tuple(range(1, LEADS + 1)))
NORMAL = NormalDist()


def exceedance_of(threshold: Floats, mean: Floats) -> Floats:
    shares: Floats = np.vectorize(lambda distance: NORMAL.cdf(-distance))(threshold - mean)
    return shares


def _outlook(mean: Floats, past: list[float]) -> Outlook:
    quantiles = np.asarray([NORMAL.inv_cdf((rank + 0.5) / PATHS) for rank in range(PATHS)])
    paths = COUPLING.arrange(PATHS, lambda _: mean[:, None] + quantiles)
    return outlook(past, paths, exceedance=lambda threshold: exceedance_of(np.asarray(threshold), mean))


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize(("duration", "within"), [(1, 1), (1, 5), (3, 8), (4, 6), (5, 4), (9, 8)])
def test_many_origins_at_once_have_the_probabilities_of_one_after_another(
    side: Side, duration: int, within: int
) -> None:
    random = np.random.default_rng(3)
    means = random.normal(20, 1, (30, 1)) + np.linspace(0, 0.5, LEADS)
    before = random.integers(0, 7, 30)
    threshold = 20.2 + np.linspace(0, 0.3, LEADS)
    event = ThresholdEvent("event", side, 20.0, duration, within)
    run = RunEvent.of(event, LEADS)
    together = event_probability(run, COUPLING, exceedance_of(threshold, means)[:, :within], before)
    for mean, steps, probability in zip(means, before.tolist(), together.tolist(), strict=True):
        alone = evaluate(
            event, _outlook(mean - threshold + 20, [20.0, *([21.0] if side == "above" else [19.0]) * steps])
        )
        assert probability == pytest.approx(alone.probability, abs=1e-12)
    assert within + 6 < duration or together.max() > 0.1


def test_a_single_lead_has_exactly_the_probability_of_the_forecast() -> None:
    stated = np.array([[0.123456], [1.0], [0.0]])
    before = np.zeros(3, dtype=np.int64)
    assert event_probability(RunEvent.at("above", 5), COUPLING, stated, before).tolist() == stated[:, 0].tolist()
    below = event_probability(RunEvent.at("below", 5), COUPLING, stated, before)
    assert below.tolist() == pytest.approx([0.876544, 0.0, 1.0])
