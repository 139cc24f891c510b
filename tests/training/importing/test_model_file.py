import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from forecasting.errors import ReleaseError
from tests.training.importing import modules
from tests.training.importing.modules import Steady, torchscript
from training.importing import contract
from training.importing.contract import ModelFile


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
