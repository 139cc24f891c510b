"""Universal networks at a place: what they know of its past, and how they are combined with a network of the place."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from forecasting.errors import SeriesError
from forecasting.evaluation.division import SHORTEST_MONTHLY, SHORTEST_SERIES, untrainable
from forecasting.models.checkpoint import CPU, script
from forecasting.models.place.network import LEADS_WINDOWS, NetworkRoller
from forecasting.series.origins import origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from forecasting.series.timestep import TimeStep
from research.spec import SPECS
from tests.conftest import daily
from tests.forecasting.models.universal.tiny import LastValue
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Scaling
from training.fit.cell_networks import choose_share, draw_residuals
from training.fit.networks import RecurrentForecaster
from training.fit.universal_start import MixedForecaster, UniversalAtPlace, UniversalStart

NOWHERE = torch.full((7,), float("nan"))
WINDOW = 5


class Recall(nn.Module):
    """A stand-in for a universal network, which answers with the number and the mean of the values that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.maximum = 20

    def forward(self, sst: Tensor) -> Tensor:
        return sst

    @torch.jit.export
    def quantiles(self, sst: Tensor, last_time: Tensor, climatology: Tensor) -> Tensor:
        known = torch.isfinite(sst)
        count = known.sum(1).to(torch.float32)
        return torch.stack([count, torch.nan_to_num(sst).sum(1) / count], 1).unsqueeze(2)


def recalled(history: SstSeries, window: list[float], begins: str) -> list[float]:
    """The number of values that the network sees beside a window, and their mean with it."""
    placed = script(UniversalAtPlace(script(Recall()), WINDOW, history, NOWHERE))
    first = unix_seconds(np.asarray([begins], dtype="datetime64[s]")) + WINDOW * 86_400
    times = torch.from_numpy(np.stack([first, first + 86_400], axis=1))
    answer = placed.leads(torch.tensor([window], dtype=torch.float32), times)
    return [float(value) for value in answer[0]]


@pytest.mark.parametrize(
    ("begins", "count", "mean"),
    [
        ("2001-01-11", 10 + 5, (sum(range(10)) + 500) / 15),  # right after the history
        ("2001-01-13", 10 + 5, (sum(range(10)) + 500) / 15),  # after a gap of two days
        ("2001-01-04", 3 + 5, (0 + 1 + 2 + 500) / 8),  # within the history: nothing from then on is known
        ("2001-01-20", 6 + 5, (4 + 5 + 6 + 7 + 8 + 9 + 500) / 11),  # so late that 20 steps do not reach the beginning
        ("2003-01-01", 5, 100.0),
        ("2000-01-01", 5, 100.0),
    ],
)
def test_a_network_at_a_place_knows_the_series_before_each_window(begins: str, count: int, mean: float) -> None:
    history = daily(np.arange(10.0))
    assert recalled(history, [100.0] * WINDOW, begins) == pytest.approx([count, mean])


def test_a_mixed_network_is_the_weighted_mean_at_every_lead() -> None:
    series = daily(15 + np.random.default_rng(0).normal(0, 1, 120))
    config = TrainingConfig.for_step(series.step, hidden=2, window=8, horizon=3)
    torch.manual_seed(0)
    place_network = RecurrentForecaster("gru", config, series.step, Scaling.of(series)).eval()
    nn.init.normal_(place_network.head.weight)
    universal = UniversalAtPlace(script(LastValue("day", bias=2.0)), 8, series, NOWHERE)
    there = origins(series, ForecastShape(8, 3, 1), 8, 110)
    assert len(there) > LEADS_WINDOWS
    mixed = MixedForecaster(place_network, universal, 0.25)
    rolled = {
        name: NetworkRoller(script(network), series.step, CPU).roll(there.windows, there.valid_time, 3)
        for name, network in (("place", place_network), ("universal", universal), ("mixed", mixed))
    }
    assert rolled["universal"] == pytest.approx(np.repeat(there.windows[:, -1:] + 2.0, 3, axis=1), abs=1e-5)
    assert rolled["mixed"] == pytest.approx(0.75 * rolled["place"] + 0.25 * rolled["universal"], abs=1e-5)
    assert np.ptp(rolled["place"] - there.windows[:, -1:], axis=1).min() > 0


def test_windows_with_fewer_leads_have_the_same_forecasts() -> None:
    series = daily(15 + np.random.default_rng(0).normal(0, 1, 40))
    universal = UniversalAtPlace(script(LastValue("day", bias=1.0)), 8, series, NOWHERE)
    roller = NetworkRoller(script(universal), series.step, CPU)
    there = origins(series, ForecastShape(8, 3, 1), 8, 11)
    whole = roller.roll(there.windows, there.valid_time, 3)
    for leads in (1, 2):
        assert roller.roll_all(there.windows, there.times[:, :leads]) == pytest.approx(whole[:, :leads])


@pytest.fixture
def start() -> UniversalStart:
    return UniversalStart("ocean-daily", "20260101T000000Z", {"gru": script(LastValue("day"))}, 14, 14, NOWHERE, "")


@pytest.mark.parametrize(
    ("place", "universal", "share"),
    [
        ((1.0, 1.0), (2.0, 2.0), 0.0),
        ((2.0, 2.0), (1.0, 1.0), 1.0),
        ((1.0, 1.0), (0.995, 0.995), 1.0),  # gains little
        ((1.0, 1.0), (-3.0, -3.0), 0.25),
        ((-3.0, -3.0), (1.0, 1.0), 0.75),
        ((1.0, 4.0), (2.0, 1.0), 1.0),  # worse at one lead, and better over both
        ((1.0, 1.0), (-1.0, -1.0), 0.5),  # their errors cancel
    ],
)
def test_the_lowest_error_over_all_leads_chooses(
    start: UniversalStart, place: tuple[float, float], universal: tuple[float, float], share: float
) -> None:
    errors = [np.tile(np.asarray(error), (6, 1)) + 1e-3 for error in (place, universal)]
    errors[0][0] = np.nan
    chosen = choose_share(start, *errors)
    assert chosen.share == share
    assert chosen.n == 5
    assert chosen.rmse["universal"] == pytest.approx(np.abs(errors[1][1]), abs=1e-5)
    assert chosen.release == "ocean-daily 20260101T000000Z"


def test_drawn_residuals_are_distributed_as_the_network_says() -> None:
    series = daily(15 + np.random.default_rng(0).normal(0, 1, 60))
    universal = UniversalAtPlace(script(LastValue("day", spread=0.5)), 20, series, NOWHERE)
    there = origins(series, ForecastShape(20, 4, 1), 20, 60)
    drawn = draw_residuals(universal, there)
    assert drawn.values.shape == (40, 4)
    assert np.quantile(drawn.values[:, 0], [0.1, 0.5, 0.9]) == pytest.approx([-0.64, 0.0, 0.64], abs=0.05)
    assert np.std(drawn.values[:, 3]) == pytest.approx(2 * np.std(drawn.values[:, 0]))


@pytest.mark.parametrize("step", list(SPECS))
def test_the_shortest_series_are_those_that_inspect_and_the_service_state(step: str) -> None:
    spec = SPECS[step]
    start = UniversalStart("ocean", "1", {}, spec.minimum, spec.horizon, NOWHERE, "")
    shortest = SHORTEST_SERIES[step]

    def walk(n: int) -> SstSeries:
        return SstSeries(15 + np.sin(np.arange(n)), np.datetime64("2020-01-01", "s"), TimeStep.parse(step))

    with pytest.raises(SeriesError, match=f"{shortest - 1} values are too few to train on.* a place needs {shortest};"):
        start.short_settings(walk(shortest - 1))
    for n in (shortest, 2 * shortest):
        series = walk(n)
        config = TrainingConfig.for_step(series.step, **start.short_settings(series))
        assert len(Dataset.divide_short(series, config).origins("test")) > 0
    assert untrainable(walk(shortest)) is None
    assert f"a place needs {shortest}" in str(untrainable(walk(shortest - 1)))
    placed = replace(start, climatology=torch.zeros(7))
    if step == "month":
        placed.short_settings(walk(SHORTEST_MONTHLY))
