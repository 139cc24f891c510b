import io
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from forecasting.errors import ReleaseError
from forecasting.models import checkpoint
from forecasting.models.checkpoint import CPU, load, script
from forecasting.models.metadata import CELLS, CheckpointMetadata
from forecasting.models.place.forecaster import Forecaster
from forecasting.series.timestep import MONTH, TimeStep
from training.config import TrainingConfig
from training.data.inputs import Scaling
from training.fit.networks import RecurrentForecaster
from training.run import Published

SCALING = Scaling(mean=20.0, std=2.0, spread=0.5, years=9.0)


def config(window: int, **settings: int) -> TrainingConfig:
    return TrainingConfig(window=window, horizon=1, fill_limit=0, hidden=8, **settings)


def awake(network: RecurrentForecaster) -> RecurrentForecaster:
    """A network whose head and autoregression are not the zero that they begin with."""
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.normal_(network.linear.weights, std=0.1)
    return network.eval()


@pytest.mark.parametrize(("cell", "step"), [*zip(CELLS, ("month", "day", "PT30M"), strict=True)])
def test_exported_equals_eager(cell: str, step: str) -> None:
    torch.manual_seed(0)
    network = awake(RecurrentForecaster(cell, config(12, layers=2), TimeStep.parse(step), SCALING))
    content = io.BytesIO()
    with checkpoint.quiet():
        torch.jit.save(script(network), content)
        loaded = torch.jit.load(io.BytesIO(content.getvalue()))
    for batch in (1, 7):
        sst = 20 + torch.randn(batch, 12)
        valid_time = torch.arange(batch, dtype=torch.float64) * 1e7
        with torch.inference_mode():
            answer = loaded(sst, valid_time)
            assert answer.shape == (batch,)
            assert answer.dtype == torch.float32
            torch.testing.assert_close(answer, network(sst, valid_time), rtol=0, atol=0)
    assert (loaded.window, loaded.step_seconds) == (12, TimeStep.parse(step).seconds)


def test_torch_warns_nobody_that_it_does_not_support_torchscript_on_python_3_14(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Older versions of torch do not look.
    monkeypatch.setattr("torch.jit._serialization.sys", SimpleNamespace(version_info=(3, 14)), raising=False)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        load((published.path / "gru.pt").read_bytes(), CPU)
    assert not warned


def test_the_network_knows_the_season_and_hour_of_each_step_of_its_window() -> None:
    """The same window a year later is the same input; half a year or half a day later it is not."""
    network = awake(RecurrentForecaster("gru", config(12), TimeStep.parse("hour"), SCALING))
    sst = 20 + torch.randn(1, 12)

    def at(seconds: float) -> float:
        with torch.inference_mode():
            return float(network(sst, torch.tensor([seconds], dtype=torch.float64)))

    year, day = 31_557_600, 86_400
    # Four Julian years are a whole number of days.
    assert at(1.4e9) == pytest.approx(at(1.4e9 + 4 * year), abs=1e-5)
    assert at(1.4e9) != pytest.approx(at(1.4e9 + 2.5 * year), abs=1e-4)
    assert at(1.4e9) != pytest.approx(at(1.4e9 + day / 2), abs=1e-4)


def test_a_cell_trained_on_part_of_a_year_ignores_the_season() -> None:
    scaling = Scaling(20.0, 2.0, 0.5, years=0.0)
    network = awake(RecurrentForecaster("gru", config(12), TimeStep.parse("day"), scaling))
    torch.nn.init.zeros_(network.linear.weights)
    sst = 20 + torch.randn(1, 12)
    with torch.inference_mode():
        january, july = network(sst.expand(2, -1), torch.tensor([0.0, 1.6e7], dtype=torch.float64))
    assert january == july


def test_metadata_travels_inside_the_file_and_beside_it(published: Published) -> None:
    _, inside = load((published.path / "gru.pt").read_bytes(), CPU)
    beside = CheckpointMetadata.model_validate_json((published.path / "gru.json").read_bytes())
    assert inside == beside
    assert inside.model == "nino12-gru"
    assert set(inside.accuracy) == {"train", "validation", "test"}
    assert set(inside.baselines) == {"persistence", "climatology", "damped", "linear"}
    assert len(inside.accuracy["test"].n) == inside.horizon == 12
    assert inside.libraries["torch"] == torch.__version__


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_not_torchscript_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(ReleaseError, match="not a TorchScript file"):
        load(content, CPU)


def test_a_truncated_file_is_refused(published: Published) -> None:
    content = (published.path / "rnn.pt").read_bytes()
    with pytest.raises(ReleaseError):
        load(content[: len(content) // 2], CPU)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 2}, "metadata schema 2 is not supported, only 1: train the model again"),
        ({"window": 25}, "the module has window 24, but the metadata says 25"),
        ({"step_seconds": 86_400}, "the module has step_seconds 2629800, but the metadata says 86400"),
        ({"horizon": 0}, "the metadata is invalid: horizon"),
    ],
)
def test_a_file_that_breaks_the_contract_is_refused(gru: Forecaster, change: dict[str, int], sentence: str) -> None:
    content = io.BytesIO()
    metadata = gru.metadata.model_copy(update=change)
    network = RecurrentForecaster("gru", config(24), MONTH, SCALING)
    with checkpoint.quiet():
        torch.jit.save(script(network), content, _extra_files={"metadata.json": metadata.model_dump_json().encode()})
    with pytest.raises(ReleaseError, match=sentence):
        load(content.getvalue(), CPU)


def test_a_module_that_does_not_return_a_batch_of_floats_is_refused(gru: Forecaster) -> None:
    class Broken(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.window = 24
            self.step_seconds = MONTH.seconds

        def forward(self, sst: torch.Tensor, valid_time: torch.Tensor) -> torch.Tensor:
            return sst.mean() / 0.0 + 0.0 * valid_time[0] + self.window + self.step_seconds

    content = io.BytesIO()
    with checkpoint.quiet():
        extra = {"metadata.json": gru.metadata.model_dump_json().encode()}
        torch.jit.save(script(Broken()), content, _extra_files=extra)
    with pytest.raises(ReleaseError, match="does not return one finite float32 value for each window"):
        load(content.getvalue(), CPU)


def test_float_degrees_go_in_and_come_out(gru: Forecaster) -> None:
    """A flat window at the mean of training is answered near it, not in units of some scaling."""
    window = np.full((1, 24), 23.0)
    assert 18 < gru.roll(window, np.zeros(1, dtype="datetime64[s]"), 1)[0, 0] < 28


def test_loading_leaves_other_networks_in_the_process_their_way_of_compiling(published: Published) -> None:
    strategy = [("STATIC", 1)]
    with warnings.catch_warnings(action="ignore"):
        before = torch.jit.set_fusion_strategy(strategy)
        module, metadata = load((published.path / "gru.pt").read_bytes(), CPU)
        Forecaster(module, metadata, CPU).warm_up()
        assert torch.jit.set_fusion_strategy(before) == strategy
