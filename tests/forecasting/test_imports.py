"""What loading a part of the project brings with it, which its user waits for."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVES = (
    "service.__main__, service.app, pathlib, service.engine.releases.published_releases as releases; "
    "releases.open_catalog(service.settings.Settings(artifacts=pathlib.Path('artifacts')))"
)


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        ("forecasting.readers, forecasting.releases.catalog, forecasting.models.place.windows", ("torch",)),
        ("forecasting, scoring.__main__", ("torch", "pandas", "pydantic")),
        ("training.cli.data, training.cli.release", ("torch", "tqdm")),
        ("scoring.cli.score, scoring.grids.input", ("torch", "zarr", "dask")),
        ("scoring.cli.score, scoring.tables.job", ("torch", "xarray")),
        (SERVES, ("training", "matplotlib", "pandas", "pyarrow", "xarray", "scipy")),
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
def test_a_program_does_not_wait_for_packages_that_it_does_not_use(
    modules: str, slow: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "nino12").symlink_to(ROOT / "artifacts" / "nino12")
    code = f"import sys, {modules}; print(*(set({slow!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
