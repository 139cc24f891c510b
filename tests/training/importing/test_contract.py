import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from forecasting.errors import ReleaseError
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH
from tests.conftest import daily
from tests.training.importing import modules
from tests.training.importing.modules import WINDOW, Steady, made, torchscript
from training.importing import contract
from training.importing.contract import ModelFile, check, try_module


def problem(module: nn.Module, series: SstSeries, horizon: int = 3) -> str:
    outcome = try_module(torchscript(module), series, horizon)
    return str(outcome)


@pytest.mark.parametrize("module", [modules.Steady(), modules.Persistent()])
def test_a_module_that_keeps_the_contract_is_accepted(module: nn.Module, nino12: SstSeries) -> None:
    outcome = try_module(torchscript(module), nino12, 12)
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
            "sst[:, -1:]",
            "forward returns the shape [1, 1] for 1 window: return [1], a forecast for each, with squeeze(1)",
        ),
        ("sst", "forward returns the shape [1, 24] for 1 window: return [1], a forecast for each"),
        ("(sst[:, -1], valid_time)", "forward returns a tuple: return one tensor"),
        ("sst[:, -1].double()", "forward returns float64: return answer.float()"),
        ("sst.mm(torch.ones([24, 1], dtype=torch.float64))[:, 0]", "convert inside forward, as in valid_time.float()"),
        ("torch.log(sst[:, -1] - 23.0)", "forward returns NaN or infinity for"),
        ("sst[:, -1] + torch.rand(sst.shape[0])", "two forecasts from the same windows differ by"),
        (
            "sst[:, -1] + 0.1 * (sst.mean() - sst[:, -1])",
            "with the other windows in the batch: make each row depend on its own window only",
        ),
        ("sst.sub_(1.0)[:, -1] + 1.0", "it changes its input"),
        ("(sst[:, -1] - 23.0) / 3.0", "make forward take and return °C, with any scaling inside the module"),
        ("sst[:, -1] + 273.15", "its forecasts are 273.1 °C from the last value of the window on average"),
        ("sst[:, -1] + (sst[:, -1] - sst[:, -2]) ** 3", "choose a smaller --horizon"),
        ("sst.to(torch.device('cuda'))[:, -1]", "it needs a GPU"),
        (
            "sst.reshape(sst.shape[0], 7)[:, 0]",
            "forward fails on sst float32[1, window] and valid_time float64[1]: shape '[1, 7]' is invalid",
        ),
        (modules.LeadsCount(), "its attribute leads is not the method of this name in the contract: rename it"),
        (
            "sst[:, -1] + torch.ones(1125899906842624).sum()",
            "forward needs more memory than there is for 1 window: use a smaller network",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_module_that_breaks_the_contract_is_refused_with_what_to_do(
    module: nn.Module | str, sentence: str, nino12: SstSeries
) -> None:
    refusal = problem(made(module) if isinstance(module, str) else module, nino12, horizon=12)
    assert sentence in refusal
    assert "\n" not in refusal


def test_a_module_takes_the_time_too(nino12: SstSeries) -> None:
    refusal = problem(made("sst[:, -1]", arguments="sst: Tensor"), nino12)
    assert "make forward take both arguments, even if it ignores valid_time" in refusal


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


@pytest.mark.long
def test_a_module_is_tried_in_another_process_that_cannot_write_files(nino12: SstSeries, tmp_path: Path) -> None:
    written = tmp_path / "written"
    content = torchscript(modules.WritesWhenLoaded(str(written)))
    written.unlink(missing_ok=True)
    with pytest.raises(ReleaseError, match=r"sly\.pt: not a TorchScript file|sly\.pt: it "):
        check(ModelFile("sly.pt", content), nino12, 3)
    assert not written.exists() or not written.read_bytes().strip(b"\0")


def test_a_module_that_does_not_end_is_stopped(nino12: SstSeries) -> None:
    endless = ModelFile(
        "endless.pt", torchscript(made("while bool(sst[0, 0] < 1000.0):", "    sst = sst + 0.0", "sst[:, -1]"))
    )
    with pytest.raises(ReleaseError, match=r"^endless\.pt: loading and trying it took more than 1 s: .*--time-limit$"):
        check(endless, nino12, 3, seconds=1.0)


def saved(value: object) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def archive(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return content.getvalue()


class Trap:
    """Creates a file as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.pt", b"", "is empty"),
        ("a.pt", saved(Steady().state_dict()), "was written by torch.save: it holds weights or a pickled module"),
        ("a.pkl", pickle.dumps({"weights": [1.0]}), "is a pickle, which is never opened"),
        ("a.onnx", b"\x08\x07\x12\x07pytorch", "is an ONNX model, not TorchScript"),
        ("a.safetensors", b"\x10\0\0\0\0\0\0\0{}", "holds only weights"),
        ("a.pt2", archive("a/models/model.json", "a/archive_format"), "is a torch.export program"),
        ("a.keras", archive("config.json", "model.weights.h5"), "is an archive, but not TorchScript"),
        ("a.pt", b"PK\x03\x04 cut off", "is damaged"),
        ("a.pt", torchscript(Steady())[:-100], "is damaged"),
        ("a.csv", b"time,sst\n", "is not a TorchScript file"),
    ],
)
def test_a_file_that_is_not_torchscript_is_refused_with_what_to_do(
    name: str, content: bytes, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReleaseError) as error:
        ModelFile.read(tmp_path / name)
    assert f"{tmp_path / name} {sentence}" in str(error.value)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    for i, content in enumerate((pickle.dumps(Trap(tmp_path / "sprung")), saved(Trap(tmp_path / "sprung")))):
        (tmp_path / f"{i}.pt").write_bytes(content)
        with pytest.raises(ReleaseError, match="a pickle can run any program"):
            ModelFile.read(tmp_path / f"{i}.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_too_large_packed_or_unpacked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = modules.save(Steady(), tmp_path / "large.pt")
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/constants.pkl", bytes(2**22))
    monkeypatch.setattr(contract, "MAX_BYTES", 2**20)
    with pytest.raises(ReleaseError, match="unpacks to more than 1 MiB"):
        ModelFile.read(bomb)
    monkeypatch.setattr(contract, "MAX_BYTES", 1_000)
    with pytest.raises(ReleaseError, match=r"large\.pt has 0 MiB, but the limit is 0 MiB"):
        ModelFile.read(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, sentence in ((tmp_path / "none.pt", "cannot read"), (tmp_path, "is a folder")):
        with pytest.raises(ReleaseError, match=sentence):
            ModelFile.read(path)
