from pathlib import Path

import pytest

import sst
from tests.conftest import NINO12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--step", "month", "--device", "cuda:99"], "device 'cuda:99' is not available: torch finds"),
        (
            ["--step", "day", "--with", str(NINO12)],
            "nino12.csv has steps of one month, but the networks forecast steps of",
        ),
        (["--step", "month", "--with", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert sst.run(["train", "pretrain", *arguments, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
