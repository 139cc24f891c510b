from pathlib import Path

import pytest

from forecasting.errors import FileError, RequestError
from tests.conftest import NINO12
from training.cli.main import main


def test_a_device_that_is_not_there_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="device 'cuda:99' is not available"):
        main(["pretrain", "--step", "month", "--device", "cuda:99", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_a_series_at_another_step_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nino12\.csv has steps of one month"):
        main(["pretrain", "--step", "day", "--with", str(NINO12), "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())
