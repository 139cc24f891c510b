"""What loading a part of the project brings with it, which its user waits for."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        ("forecasting.readers, forecasting.releases.catalog, forecasting.models.place.windows", ("torch",)),
        ("forecasting, scoring.__main__", ("torch", "pandas", "pydantic")),
        ("training.cli.data, training.cli.release", ("torch", "tqdm")),
        ("scoring.cli.score, scoring.grids.input", ("torch", "zarr", "dask")),
        ("scoring.cli.score, scoring.tables.job", ("torch", "xarray")),
        ("service.__main__, service.app", ("pandas", "pyarrow", "xarray", "scipy")),
        ("scoring.engine, scoring.grids.job", ("pandas", "xarray")),
    ],
    ids=[
        "reading",
        "options",
        "commands without networks",
        "scoring a grid",
        "scoring a table",
        "the service",
        "the server of worker processes",
    ],
)
def test_a_program_does_not_wait_for_packages_that_it_does_not_use(modules: str, slow: tuple[str, ...]) -> None:
    code = f"import sys, {modules}; print(*(set({slow!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
