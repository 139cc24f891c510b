"""What loading a part of the core brings with it."""

import subprocess
import sys


def test_reading_files_and_releases_does_not_load_torch() -> None:
    modules = "forecasting.readers, forecasting.releases.release, forecasting.networks.windows"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
