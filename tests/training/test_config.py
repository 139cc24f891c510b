import pytest
from pydantic import ValidationError

from forecasting.series.timestep import TimeStep
from training.config import TrainingConfig


@pytest.mark.parametrize(
    ("step", "window", "horizon"),
    [
        ("month", 24, 12),
        ("week", 26, 13),
        ("P8D", 26, 13),
        ("day", 30, 14),
        ("hour", 48, 24),
        ("PT30M", 48, 48),
        ("PT10M", 48, 48),
        ("PT6H", 24, 24),
    ],
)
def test_the_defaults_depend_on_the_step(step: str, window: int, horizon: int) -> None:
    config = TrainingConfig.for_step(TimeStep.parse(step))
    assert (config.window, config.horizon, config.fill_limit) == (window, horizon, window // 8)


def test_a_given_setting_overrides_the_default_and_none_does_not() -> None:
    config = TrainingConfig.for_step(TimeStep.parse("day"), window=40, hidden=None)
    assert (config.window, config.horizon, config.fill_limit, config.hidden) == (40, 14, 5, 16)


@pytest.mark.parametrize("setting", [{"window": 1}, {"hidden": 0}, {"epochs": 0}, {"seed": -1}, {"heads": 8}])
def test_a_setting_out_of_range_is_refused(setting: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        TrainingConfig.for_step(TimeStep.parse("day"), **setting)


@pytest.mark.parametrize(
    ("windows", "batch", "epochs"), [(40, 40, 600), (488, 64, 75), (1_000, 64, 38), (4_000, 128, 30), (13_000, 128, 15)]
)
def test_training_takes_thirty_epochs_but_600_to_1500_steps(windows: int, batch: int, epochs: int) -> None:
    schedule = TrainingConfig.for_step(TimeStep.parse("day")).schedule(windows)
    assert (schedule.batch, schedule.epochs) == (batch, epochs)
