from pathlib import Path

import pytest

from forecasting.errors import ReleaseError
from forecasting.series.sst_series import SstSeries
from tests.training.importing import modules
from tests.training.importing.modules import torchscript
from training.importing.contract import ModelFile, check


def test_a_module_is_tried_in_another_process_that_cannot_write_files(nino12: SstSeries, tmp_path: Path) -> None:
    written = tmp_path / "written"
    content = torchscript(modules.WritesWhenLoaded(str(written)))
    written.unlink(missing_ok=True)
    with pytest.raises(ReleaseError, match=r"sly\.pt: not a TorchScript file|sly\.pt: it "):
        check(ModelFile("sly.pt", content), nino12, 3)
    assert not written.exists() or not written.read_bytes().strip(b"\0")


def test_a_module_that_does_not_end_is_stopped(nino12: SstSeries) -> None:
    endless = ModelFile("endless.pt", torchscript(modules.Endless()))
    with pytest.raises(ReleaseError, match=r"^endless\.pt: loading and trying it took more than 1 s: .*--time-limit$"):
        check(endless, nino12, 3, seconds=1.0)
