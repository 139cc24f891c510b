from pathlib import Path

import pytest
import torch
from torch import Tensor

from forecasting.errors import ReleaseError
from forecasting.models.checkpoint import CPU, script
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.network import load, save
from tests.forecasting.models.universal.tiny import LastValue, metadata


class Unordered(LastValue):
    """A network whose quantiles descend."""

    @torch.jit.export
    def answer(self, prepared: list[Tensor]) -> Tensor:
        return torch.zeros(len(prepared[0]), 1, self.horizon, 10) - torch.arange(10)


class Infinite(LastValue):
    """A network that forecasts NaN."""

    @torch.jit.export
    def answer(self, prepared: list[Tensor]) -> Tensor:
        return torch.full([len(prepared[0]), 1, self.horizon, 10], float("nan"))


class WithoutLeads(torch.nn.Module):
    """A network as an earlier version exported it."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = LastValue("day")
        self.window, self.step_seconds, self.horizon = self.whole.window, self.whole.step_seconds, self.whole.horizon
        self.minimum, self.maximum, self.levels = self.whole.minimum, self.whole.maximum, self.whole.levels

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return self.whole.forward(sst, valid_time)

    @torch.jit.export
    def prepare(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> list[Tensor]:
        return self.whole.prepare(sst, last_time, climatology, origins, self.horizon)


def saved(module: torch.nn.Module, path: Path, **changes: object) -> bytes:
    described = metadata(LastValue("day"), "ocean-daily", "gru", "day", 0.9).model_copy(update=changes)
    save(script(module), described, path / "gru.pt")
    return (path / "gru.pt").read_bytes()


def test_a_saved_network_loads_with_its_metadata(tmp_path: Path) -> None:
    network = load(saved(LastValue("day"), tmp_path), CPU)
    assert network.metadata == metadata(LastValue("day"), "ocean-daily", "gru", "day", 0.9)
    assert network.metadata.model == "ocean-daily-gru"
    forecast = network.module(torch.full((2, 30), 12.0), torch.zeros(2, dtype=torch.float64))
    assert forecast.tolist() == [12.0, 12.0]


@pytest.mark.parametrize("name", ["window", "step_seconds", "horizon", "minimum", "maximum"])
def test_an_attribute_that_differs_from_the_metadata_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReleaseError, match=rf"the module has {name} \d+, but the metadata says 3"):
        load(saved(LastValue("day"), tmp_path, **{name: 3}), CPU)


def test_other_levels_than_in_the_metadata_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"the module has the levels \(0.025, .*, but the metadata says \(0.1,"):
        load(saved(LastValue("day"), tmp_path, levels=(0.1, 0.5, 0.9)), CPU)


def test_a_network_that_breaks_the_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="returns quantiles that are not in ascending order"):
        load(saved(Unordered("day"), tmp_path), CPU)
    with pytest.raises(ReleaseError, match=r"does not return finite float32 values of the shape \(2, 1, 14, 10\)"):
        load(saved(Infinite("day"), tmp_path), CPU)


def test_a_network_of_an_earlier_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="fails on 14 values; if an earlier version of sst exported it, train it ag"):
        load(saved(WithoutLeads(), tmp_path), CPU)


def test_the_network_of_a_place_is_refused(gru: Forecaster) -> None:
    assert gru.file
    with pytest.raises(ReleaseError, match="the metadata is invalid: minimum: Field required"):
        load(gru.file.read(), CPU)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="metadata schema 9 is not supported, only 1: train the model again"):
        load(saved(LastValue("day"), tmp_path, schema_version=9), CPU)
