import numpy as np
import pytest
from torch import nn

from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH
from tests.conftest import daily
from tests.training.importing import modules
from tests.training.importing.modules import WINDOW, torchscript
from training.importing.contract import Request, answer


def problem(module: nn.Module, series: SstSeries, horizon: int = 3) -> str:
    outcome = answer(Request(torchscript(module), series, horizon))
    return str(outcome.get("problem", outcome))


@pytest.mark.parametrize("module", [modules.Steady(), modules.Persistent()])
def test_a_module_that_keeps_the_contract_is_accepted(module: nn.Module, nino12: SstSeries) -> None:
    outcome = answer(Request(torchscript(module), nino12, 12))
    assert outcome == {"window": WINDOW, "parameters": 1}


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (modules.WithoutWindow(), "it has no attribute window: set self.window to an integer"),
        (modules.TensorWindow(), "it has a Tensor as its window: set self.window to an integer"),
        (modules.Steady(window=1), "its window is 1 values: it must be from 2 to 1000"),
        (modules.Steady(window=800), "its window is 800 values, but the data has only 732: use a longer series"),
        (modules.Steady(step_seconds=86_400), "its step_seconds is 86400, but the step of the data is one month"),
        (
            modules.Column(),
            "forward returns the shape [1, 1] for 1 window: return [1], a forecast for each, with squeeze(1)",
        ),
        (modules.Unchanged(), "forward returns the shape [1, 24] for 1 window: return [1], a forecast for each"),
        (modules.Pair(), "forward returns a tuple: return one tensor"),
        (modules.Double(), "forward returns float64: return answer.float()"),
        (modules.DoubleWeights(), "convert inside forward, as in valid_time.float()"),
        (modules.NotANumber(), "forward returns NaN or infinity for"),
        (modules.Random(), "two forecasts from the same windows differ by"),
        (modules.Together(), "with the other windows in the batch: make each row depend on its own window only"),
        (modules.InPlace(), "it changes its input"),
        (modules.Scaled(), "make forward take and return °C, with any scaling inside the module"),
        (modules.Kelvin(), "its forecasts are 273.1 °C from the last value of the window on average"),
        (modules.Explosive(), "choose a smaller --horizon"),
        (modules.OnGpu(), "it needs a GPU"),
        (
            modules.Crashing(),
            "forward fails on sst float32[1, window] and valid_time float64[1]: shape '[1, 7]' is invalid",
        ),
        (modules.OneArgument(), "make forward take both arguments, even if it ignores valid_time"),
        (modules.LeadsCount(), "its attribute leads is not the method of this name in the contract: rename it"),
        (modules.Greedy(), "forward needs more memory than there is for 1 window: use a smaller network"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_module_that_breaks_the_contract_is_refused_with_what_to_do(
    module: nn.Module, sentence: str, nino12: SstSeries
) -> None:
    refusal = problem(module, nino12, horizon=12)
    assert sentence in refusal
    assert "\n" not in refusal


def test_a_module_needs_windows_without_long_gaps(nino12: SstSeries) -> None:
    values = np.full(120, np.nan)
    values[::9] = 23.0
    series = SstSeries(values, nino12.start, MONTH)
    assert problem(modules.Steady(), series) == (
        "the data has no window of 24 values without long gaps: use a more complete series"
    )


def test_a_module_of_another_step_is_refused_at_a_daily_series() -> None:
    assert "the step of the data is one day, which is 86400" in problem(
        modules.Steady(), daily(np.linspace(10.0, 20.0, 200))
    )
