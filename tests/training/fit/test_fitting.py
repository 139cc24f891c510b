"""What training may see, and that it does the same again."""

from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
import torch

from forecasting.evaluation.report import LossCurves
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU
from forecasting.models.place.network import NetworkRoller
from forecasting.references.baselines import Baselines
from forecasting.series.origins import Roller
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, unix_seconds
from forecasting.series.timestep import TimeStep
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Examples, Scaling
from training.fit.fit_data import FitData, fit_autoregression, leads_learnt
from training.fit.fitting import Fit, fit, fit_all, new_optimiser, total_epochs
from training.fit.networks import RecurrentForecaster


def weights(network: RecurrentForecaster) -> dict[str, torch.Tensor]:
    return network.state_dict()


def assert_same(network: RecurrentForecaster, other: RecurrentForecaster) -> None:
    torch.testing.assert_close(weights(network), weights(other), rtol=0, atol=0)
    assert (network.mean, network.spread) == (other.mean, other.spread)
    torch.testing.assert_close(network.columns, other.columns, rtol=0, atol=0)
    torch.testing.assert_close(network.linear.weights, other.linear.weights, rtol=0, atol=0)


class OfPlace(NamedTuple):
    """The networks of a fit to one place."""

    selected: RecurrentForecaster
    evaluated: RecurrentForecaster
    loss: LossCurves


def of_place(fit: Fit) -> OfPlace:
    assert isinstance(fit.selected, RecurrentForecaster)
    assert isinstance(fit.evaluated, RecurrentForecaster)
    return OfPlace(fit.selected, fit.evaluated, fit.loss)


def run(series: SstSeries, config: TrainingConfig, cell: str = "gru") -> OfPlace:
    data = FitData.of_dataset(Dataset.divide(series, config), config)
    return of_place(fit(data, cell, 0, lambda epochs: None))


@pytest.fixture(scope="module")
def fits(nino12: SstSeries, small: TrainingConfig) -> dict[tuple[str, int], OfPlace]:
    """Three cells with two seeds, fitted in this process."""
    return {job: of_place(fit) for job, fit in fit_all(Dataset.divide(nino12, small), small, workers=1).items()}


@pytest.fixture(scope="module")
def fitted(fits: dict[tuple[str, int], OfPlace]) -> OfPlace:
    return fits["gru", 0]


@pytest.fixture(scope="module")
def short(small: TrainingConfig) -> TrainingConfig:
    """The configuration for forecasts of two steps, whose autoregression is fitted sooner."""
    return small.model_copy(update={"horizon": 2})


def changed(series: SstSeries, begin: int, end: int) -> SstSeries:
    """The series with other values from ``begin`` to ``end``."""
    values = series.values.copy()
    values[begin:end] = 25 + np.random.default_rng(0).normal(0, 2, end - begin)
    return SstSeries(values, series.start, series.step)


def test_the_same_seed_gives_the_same_weights(nino12: SstSeries, small: TrainingConfig, fitted: OfPlace) -> None:
    torch.rand(7)  # what happened to the global generator before makes no difference
    again = run(nino12, small)
    assert_same(again.selected, fitted.selected)
    assert_same(again.evaluated, fitted.evaluated)
    assert again.loss == fitted.loss


def test_fits_neither_use_nor_advance_the_generator_of_their_caller(nino12: SstSeries, short: TrainingConfig) -> None:
    """A release of a panel holds the whole network of :func:`fit_autoregression`, with its cell."""
    dataset = Dataset.divide(nino12, short)
    examples = Examples.of(dataset.origins("train", leads_learnt(short)))
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        networks.append(fit_autoregression(short, dataset.past("train"), examples))
        assert torch.equal(torch.get_rng_state(), before)
    assert_same(*networks)
    data = FitData.of_dataset(dataset, short)
    fit(data, "gru", 0, lambda epochs: None)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_time_of_a_fit_includes_that_of_its_data(nino12: SstSeries, short: TrainingConfig) -> None:
    selected, evaluated, final = FitData.of_dataset(Dataset.divide(nino12, short), short)
    data = (replace(selected, seconds=1e3), replace(evaluated, seconds=1e4), replace(final, seconds=1e5))
    assert fit(data, "gru", 0, lambda epochs: None).seconds > 111_000


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_matrices_decay_and_biases_do_not(nino12: SstSeries, small: TrainingConfig, cell: str) -> None:
    network = RecurrentForecaster(cell, small, nino12.step, Scaling.of(nino12, trend=False))
    decay = {
        id(weights): group["weight_decay"]
        for group in new_optimiser(network, small).param_groups
        for weights in group["params"]
    }
    assert small.weight_decay > 0
    assert {name: decay[id(weights)] for name, weights in network.named_parameters()} == {
        name: 0.0 if weights.ndim <= 1 else small.weight_decay for name, weights in network.named_parameters()
    }


def test_the_test_part_changes_neither_weights_nor_scaling_nor_climatology(
    nino12: SstSeries, small: TrainingConfig, fitted: OfPlace
) -> None:
    other = changed(nino12, 585, 732)
    again = run(other, small)
    assert_same(again.selected, fitted.selected)
    assert_same(again.evaluated, fitted.evaluated)

    def baselines(series: SstSeries) -> Baselines:
        return Baselines.fit(Dataset.divide(series, small).past("validation"), ForecastShape(24, 12, 3))

    assert baselines(other) == baselines(nino12)


def test_the_validation_part_changes_only_the_published_weights(
    nino12: SstSeries, small: TrainingConfig, fitted: OfPlace
) -> None:
    again = run(changed(nino12, 512, 585), small)
    assert_same(again.selected, fitted.selected)
    assert again.evaluated.mean != fitted.evaluated.mean


def test_cells_and_seeds_give_different_networks_of_one_configuration(
    nino12: SstSeries, small: TrainingConfig, fits: dict[tuple[str, int], OfPlace]
) -> None:
    forecasts = []
    for (cell, seed), one in fits.items():
        network = one.evaluated.cell
        assert (network.hidden_size, network.num_layers, network.input_size) == (4, 1, 4)
        assert type(network).__name__.lower() == cell
        forecasts.append((seed, rolled(one.evaluated, nino12, small)))
    for (seed, first), (other, second) in combinations(forecasts, 2):
        assert float((first - second).std()) > (1e-3 if seed == other else 0.0)


def test_training_reduces_the_loss(nino12: SstSeries) -> None:
    config = TrainingConfig.for_step(nino12.step, epochs=6, hidden=8, autoregression=False)
    curves = run(nino12, config).loss
    assert len(curves.train) == len(curves.validation) == 6
    assert curves.train[-1] < 0.8 * curves.train[0]
    assert curves.validation[-1] < curves.validation[0]


def test_the_autoregression_beats_the_linear_reference(nino12: SstSeries) -> None:
    """On what it was fitted on: it has the reference's terms and more."""
    config = TrainingConfig.for_step(nino12.step, epochs=1, hidden=4, cell_share=0.0)
    dataset = Dataset.divide(nino12, config)
    network = run(nino12, config).selected
    known = dataset.origins("train", horizon=1)
    rollers: dict[str, Roller] = {"network": NetworkRoller(network, nino12.step, CPU)}
    rollers |= Baselines.fit(dataset.past("train"), config.shape.leading(1)).rollers()
    evaluation = Evaluation.run(known, rollers)
    assert evaluation.accuracy("network").rmse[0] < 0.99 * evaluation.accuracy("linear").rmse[0]


def test_gradient_descent_does_not_change_the_weights_of_the_regression(
    nino12: SstSeries, short: TrainingConfig
) -> None:
    once, more = (run(nino12, short.model_copy(update={"epochs": epochs})).evaluated for epochs in (1, 3))
    linear = once.linear
    every = {place for terms in linear.alternatives for place in (*terms.free, *terms.shrunk, *terms.bent)}
    assert torch.count_nonzero(linear.weights) == len(every)
    torch.testing.assert_close(once.linear.weights, more.linear.weights, rtol=0, atol=0)
    assert not torch.equal(weights(once)["head.weight"], weights(more)["head.weight"])


def test_the_autoregression_can_be_left_out(nino12: SstSeries, small: TrainingConfig) -> None:
    network = run(nino12, small.model_copy(update={"autoregression": False})).evaluated
    assert not network.linear.weights.any()


def test_a_forecast_is_a_mix_of_the_cell_and_the_autoregression(nino12: SstSeries, short: TrainingConfig) -> None:
    shares = (0.0, 0.5, 1.0)
    fits = [run(nino12, short.model_copy(update={"cell_share": share}), "rnn") for share in shares]
    linear, mixed, more = (rolled(fit.evaluated, nino12, short) for fit in fits)
    alone = rolled(run(nino12, short.model_copy(update={"autoregression": False}), "rnn").evaluated, nino12, short)
    windows = len(Dataset.divide(nino12, short).origins("train", 1)) + len(
        Dataset.divide(nino12, short).origins("validation", 1)
    )
    share = short.share(windows)
    assert share == pytest.approx(0.5 * windows / (windows + 1000))
    torch.testing.assert_close(mixed, share * alone + (1 - share) * linear)
    torch.testing.assert_close(more, 2 * share * alone + (1 - 2 * share) * linear)


def smoothed() -> Floats:
    values = np.random.default_rng(0).normal(20.0, 1.0, 700)
    for _ in range(3):
        values = np.convolve(values, np.ones(7) / 7, "valid")
    return values


def with_a_tide() -> Floats:
    weather = np.random.default_rng(0).normal(0.0, 0.3, 700)
    for i in range(1, 700):
        weather[i] += 0.9 * weather[i - 1]
    values: Floats = 20.0 + 1.5 * np.sin(2 * np.pi * np.arange(700) / 12.42) + weather
    return values


@pytest.mark.parametrize(("values", "most"), [(smoothed(), 0.01), (with_a_tide(), 0.5)])
def test_a_cell_has_less_weight_if_the_autoregression_explains_more(
    nino12: SstSeries, small: TrainingConfig, values: Floats, most: float
) -> None:
    series = SstSeries(values, nino12.start, nino12.step)
    linear, mixed, alone = (
        rolled(run(series, small.model_copy(update=change), "rnn").evaluated, series, small)
        for change in ({"cell_share": 0.0}, {}, {"autoregression": False})
    )
    apart = alone - linear
    windows = sum(len(Dataset.divide(series, small).origins(part, 1)) for part in ("train", "validation"))
    assert float(((mixed - linear) * apart).sum() / (apart**2).sum()) < most * small.share(windows)


def test_the_cell_sees_the_last_steps_of_the_window(nino12: SstSeries, small: TrainingConfig) -> None:
    network = run(nino12, small.model_copy(update={"cell_window": 6, "autoregression": False})).evaluated
    known = Dataset.divide(nino12, small).origins("test", horizon=1)
    sst, when = torch.from_numpy(known.windows).float(), torch.from_numpy(unix_seconds(known.valid_time))
    changed_before, changed_within = sst.clone(), sst.clone()
    changed_before[:, :-6] += 3
    changed_within[:, -6] += 3
    with torch.no_grad():
        forecast = network(sst, when)
        torch.testing.assert_close(network(changed_before, when), forecast)
        assert not torch.allclose(network(changed_within, when), forecast)


@pytest.mark.parametrize("window", [2, 3])
def test_the_shortest_windows_work(nino12: SstSeries, window: int) -> None:
    config = TrainingConfig.for_step(nino12.step, window=window, epochs=1, hidden=4)
    assert rolled(run(nino12, config).evaluated, nino12, config).isfinite().all()


@pytest.mark.parametrize(("hours", "n"), [(6, 800), (8, 700), (12, 600)])
def test_a_few_values_a_day_do_not_make_forecasts_swing_between_them(hours: int, n: int) -> None:
    step = TimeStep.parse(f"PT{hours}H")
    random, days = np.random.default_rng(0), np.arange(n) * hours / 24
    values = 15 + 4 * np.cos(2 * np.pi * days / 365.25) + np.sin(2 * np.pi * days + 1) + random.normal(0, 0.3, n)
    series = SstSeries(values, np.datetime64("2000-01-01T03:00:00", "s"), step)
    config = TrainingConfig.for_step(step)
    dataset = Dataset.divide(series, config)
    network = fit_autoregression(
        config, dataset.past("train"), Examples.of(dataset.origins("train", leads_learnt(config)))
    )
    times = torch.tensor(unix_seconds(series.times[-200:])) + 1_800 * torch.arange(200)
    forecast = network(torch.full((200, config.window), 15.0), times)
    assert (forecast - 15).abs().max() < 5


def test_forecasts_are_linear_far_out_of_range(nino12: SstSeries, short: TrainingConfig) -> None:
    """Products grow no further: what is left is a line."""
    config = short.model_copy(update={"cell_share": 0.0})
    network = run(nino12, config).evaluated
    shape = torch.linspace(-1, 1, 24)
    when = torch.zeros(3, dtype=torch.float64)
    far = torch.stack([25 + size * (shape + 2) for size in (100.0, 200.0, 300.0)])
    with torch.no_grad():
        near, middle, end = network(far, when).double()
    assert float(end - middle) == pytest.approx(float(middle - near), rel=1e-4)


def rolled(network: RecurrentForecaster, series: SstSeries, config: TrainingConfig) -> torch.Tensor:
    """Forecasts of one step of the test part, °C."""
    known = Dataset.divide(series, config).origins("test", horizon=1)
    with torch.no_grad():
        forecasts: torch.Tensor = network(
            torch.from_numpy(known.windows).float(), torch.from_numpy(unix_seconds(known.valid_time))
        )
    return forecasts


def test_the_response_to_the_last_value_varies_with_the_season(nino12: SstSeries, fitted: OfPlace) -> None:
    network, season = fitted.evaluated, 7_889_400.0
    sst = torch.tensor(nino12.values[None, :24], dtype=torch.float32)
    warm = torch.cat([sst[:, :-1], sst[:, -1:] + 1], dim=1)

    def answer(time: float) -> float:
        when = torch.tensor([time], dtype=torch.float64)
        warmer, seen = (network.linear(*network.known(window, when)) for window in (warm, sst))
        return float(warmer - seen)

    assert abs(answer(0.0) - answer(season)) > 0.01
    assert answer(0.0) == pytest.approx(answer(4 * season), abs=1e-2)


def test_a_jump_larger_than_any_seen_has_the_seasonal_effect_of_the_largest(fitted: OfPlace) -> None:
    """In a quiet season, as under ice, the answer to one beyond what was seen there could grow without end."""
    network, seconds = fitted.evaluated, 7_889_400.0

    def apart(spreads: float) -> float:
        sst = torch.full((1, 24), 24.0 - spreads * network.spread)
        sst[:, -1] = 24.0
        winter, spring = (
            network.linear(*network.known(sst, torch.tensor([time], dtype=torch.float64))) for time in (0.0, seconds)
        )
        return float(winter - spring)

    assert apart(1.0) != pytest.approx(apart(20.0), abs=1e-3)
    assert apart(40.0) == pytest.approx(apart(20.0), abs=1e-3)


def test_a_network_begins_as_persistence(small: TrainingConfig, nino12: SstSeries) -> None:
    network = RecurrentForecaster("lstm", small, nino12.step, Scaling.of(nino12)).eval()
    sst = torch.tensor(nino12.values[None, :24], dtype=torch.float32)
    assert float(network(sst, torch.zeros(1, dtype=torch.float64)).detach()) == sst[0, -1]


@pytest.mark.long
def test_several_processes_give_the_same_fits_as_one(
    nino12: SstSeries, small: TrainingConfig, fits: dict[tuple[str, int], OfPlace]
) -> None:
    dataset = Dataset.divide(nino12, small)
    heard: list[int] = []
    together = fit_all(dataset, small, workers=2, progress=heard.append)
    assert list(together) == list(fits) == [(cell, seed) for seed in (0, 1) for cell in ("rnn", "lstm", "gru")]
    for job, lone_fit in fits.items():
        assert_same(lone_fit.evaluated, of_place(together[job]).evaluated)
    assert sum(heard) == 6 * total_epochs(dataset, small)
