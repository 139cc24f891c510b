"""What loading a part of the core brings with it."""

import subprocess
import sys


def test_reading_files_and_releases_does_not_load_torch() -> None:
    code = "import sys, forecasting.readers, forecasting.release, forecasting.windows; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_needs_torch_is_still_found_by_its_short_name() -> None:
    code = "from forecasting import Forecaster, Registry, load_forecaster; Forecaster, Registry, load_forecaster"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
