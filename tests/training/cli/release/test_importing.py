from pathlib import Path

import pytest
import torch

import sst
from tests.conftest import NINO12
from tests.training.importing import modules
from tests.training.importing.modules import Steady


def run(*arguments: object) -> int:
    return sst.run(["release", "import", *map(str, arguments), "--data", str(NINO12), "--name", "abroad"])


@pytest.mark.parametrize(
    ("files", "options", "sentence"),
    [
        (["a.pt"], ["--cell", "Trans-former"], "'Trans-former' is not a valid name for a network"),
        (["1.pt"], [], "'1' is not a valid name for a network: give one with --cells"),
        (["a.pt"], ["--cell", "persistence"], "the name persistence is reserved"),
        (["a.pt"], ["--cell", "report"], "the name report is reserved"),
        (["a.pt", "b.pt"], ["--cells", "x,x"], "the name x is used twice"),
        (["a.pt", "b.pt"], ["--cells", "x"], "--cells has 1 name for 2 files: give one for each"),
        (["a.pt"], ["--title", ""], "the title '' is not valid"),
        (["missing.pt"], [], "cannot read"),
    ],
)
def test_a_network_that_cannot_be_imported_is_one_sentence_and_nothing_is_published(
    files: list[str], options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in files]
    for path in paths:
        if path.stem != "missing":
            modules.save(Steady(), path)
    assert run(*paths, *options, "--out", tmp_path / "artifacts") == 2
    error = capsys.readouterr().err
    assert error.startswith("sst release import: ")
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "artifacts").exists()


def test_weights_alone_are_refused_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(Steady().state_dict(), tmp_path / "weights.pt")
    assert run(tmp_path / "weights.pt", "--out", tmp_path / "artifacts") == 2
    assert "save it with torch.jit.script(module).save('model.pt')" in capsys.readouterr().err


def test_a_date_that_is_not_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "a.pt", "--trained-until", "yesterday")
    assert ended.value.code == 2
    assert "time 'yesterday' is not an ISO 8601 time" in capsys.readouterr().err
