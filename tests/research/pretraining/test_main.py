import sys
from pathlib import Path

import pytest

from tests.conftest import NINO12, ROOT
from tests.forks import run


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
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run([sys.executable, "-m", "research.pretraining", *arguments, "--out", tmp_path], cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith("research.pretraining: ")
    assert message in done.stderr
    assert not list(tmp_path.iterdir())
