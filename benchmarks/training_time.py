"""Wall time of the training command on the shipped data, including evaluation and plots."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator


def measure() -> Iterator[str]:
    """Yield a line for each dataset."""
    for name in ("nino12", "neracoos-b01"):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            command = [sys.executable, "-m", "training", "--data", f"data/{name}.csv", "--name", name, "--out", folder]
            subprocess.run(command, check=True, capture_output=True)
            yield f"python -m training on {name}, three cells: {time.perf_counter() - begin:.1f} s"
