import json
import shutil
from pathlib import Path

import pytest
import torch

from forecasting.errors import ReleaseError, RequestError, UnknownNameError
from forecasting.models.checkpoint import CPU, choose_device
from forecasting.releases.registry import Registry, load_forecaster
from forecasting.releases.release import Release, current_version, dataset_names, open_current


@pytest.fixture
def copy(artifacts: Path, tmp_path: Path) -> Path:
    """The artifacts folder, to be damaged."""
    return Path(shutil.copytree(artifacts, tmp_path / "artifacts"))


def release_folder(artifacts: Path) -> Path:
    return artifacts / "nino12" / (current_version(artifacts / "nino12") or "")


def test_every_dataset_is_loaded_with_its_three_cells(registry: Registry) -> None:
    assert [forecaster.metadata.model for forecaster in registry.models] == [
        *("buoy-rnn", "buoy-lstm", "buoy-gru"),
        *("nino12-rnn", "nino12-lstm", "nino12-gru"),
    ]


def test_names_resolve_as_documented(registry: Registry) -> None:
    def names(model: str, dataset: str | None = None) -> list[str]:
        return [forecaster.metadata.model for forecaster in registry.resolve(model, dataset)[1]]

    assert names("gru") == ["nino12-gru"]
    assert names("gru", "buoy") == ["buoy-gru"]
    assert names("buoy-lstm") == ["buoy-lstm"]
    assert names("buoy-lstm", "buoy") == ["buoy-lstm"]
    assert names("all") == ["nino12-rnn", "nino12-lstm", "nino12-gru"]


def test_best_is_the_cell_with_the_lowest_validation_rmse(registry: Registry) -> None:
    release, (best,) = registry.resolve("best")
    rmse = {
        cell: forecaster.metadata.accuracy["validation"].rmse[0] for cell, forecaster in release.forecasters.items()
    }
    assert best.metadata.cell == min(rmse, key=lambda cell: rmse[cell])


def test_a_full_name_that_contradicts_the_dataset_is_refused(registry: Registry) -> None:
    with pytest.raises(RequestError, match="buoy-gru belongs to dataset buoy, not nino12"):
        registry.resolve("buoy-gru", "nino12")


def test_unknown_names_are_refused_with_the_known_ones(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match="no dataset 'north-sea'; available: buoy, nino12"):
        registry.resolve("gru", "north-sea")
    with pytest.raises(UnknownNameError, match=r"no model 'transformer'.*nino12-gru"):
        registry.resolve("transformer")
    with pytest.raises(UnknownNameError, match="is included in each forecast, under baselines"):
        registry.resolve("persistence")


@pytest.mark.parametrize(
    "name", ["gru.pt", "gru.json", "report.json", "baselines.json", "recent.csv", "predictions.csv"]
)
def test_a_changed_byte_in_any_file_prevents_loading(copy: Path, name: str) -> None:
    path = release_folder(copy) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ReleaseError, match=f"{name} has changed since it was published"):
        Registry.open(copy, CPU, "nino12")


@pytest.mark.parametrize("name", ["lstm.pt", "comparison.png", "manifest.json"])
def test_a_missing_file_prevents_loading(copy: Path, name: str) -> None:
    (release_folder(copy) / name).unlink()
    with pytest.raises(ReleaseError, match=f"cannot read .*{name}: No such file"):
        Registry.open(copy, CPU, "nino12")


def test_a_checkpoint_is_checked_before_torch_sees_it(copy: Path) -> None:
    """A file that torch could not load is refused by its digest, and never gets that far."""
    (release_folder(copy) / "gru.pt").write_bytes(b"no archive")
    with pytest.raises(ReleaseError, match="sha256 differs"):
        load_forecaster("nino12-gru", copy)


def test_a_release_under_another_name_is_refused(copy: Path) -> None:
    folder = release_folder(copy)
    folder.rename(folder.with_name("20200101T000000Z"))
    (copy / "nino12" / "current").write_text("20200101T000000Z\n")
    with pytest.raises(ReleaseError, match="the manifest belongs to nino12"):
        Registry.open(copy, CPU, "nino12")


@pytest.mark.parametrize("pointer", ["", "../../etc", "latest\n"])
def test_a_pointer_that_does_not_name_a_version_is_refused(copy: Path, pointer: str) -> None:
    (copy / "nino12" / "current").write_text(pointer)
    with pytest.raises(ReleaseError, match="current does not name a version"):
        open_current(copy, "nino12")


def test_a_manifest_that_cannot_be_used_is_refused(copy: Path) -> None:
    path = release_folder(copy) / "manifest.json"
    path.write_text(json.dumps({"dataset": "nino12"}))
    with pytest.raises(ReleaseError, match=r"manifest\.json cannot be used"):
        Registry.open(copy, CPU, "nino12")


def test_a_file_outside_the_manifest_is_not_read(copy: Path) -> None:
    release = Release.open(release_folder(copy))
    (release.path / "extra.pt").write_bytes(b"")
    with pytest.raises(ReleaseError, match=r"has no extra\.pt"):
        release.read("extra.pt")


def test_a_default_dataset_without_a_release_prevents_loading(artifacts: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"no release of the default dataset 'north-sea'; available: buoy, nino12;"):
        Registry.open(artifacts, CPU, "north-sea")
    with pytest.raises(ReleaseError, match=r"cannot read .*: No such file"):
        Registry.open(tmp_path / "none", CPU, "nino12")


def test_unpublished_folders_are_ignored(copy: Path) -> None:
    (copy / ".hidden").mkdir()
    (copy / "draft").mkdir()
    assert dataset_names(copy) == ["buoy", "nino12"]


def test_a_model_loads_by_its_full_name(artifacts: Path) -> None:
    assert load_forecaster("buoy-rnn", artifacts).metadata.cell == "rnn"
    with pytest.raises(UnknownNameError, match="no model 'buoy-transformer'; available: buoy-rnn"):
        load_forecaster("buoy-transformer", artifacts)
    with pytest.raises(UnknownNameError, match="no dataset"):
        load_forecaster("../etc-gru", artifacts)
    with pytest.raises(UnknownNameError, match="'buoy' names no network: write its dataset and its cell, as in nino12"):
        load_forecaster("buoy", artifacts)


def test_devices_are_found_by_name_and_unknown_ones_refused() -> None:
    there = torch.cuda.device_count()
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type == ("cuda" if there else "cpu")
    with pytest.raises(RequestError, match=f"is not available: torch finds {there} GPUs?"):
        choose_device(f"cuda:{there}")
    with pytest.raises(RequestError, match="choose auto, cpu, cuda or cuda:N"):
        choose_device("tpu")
