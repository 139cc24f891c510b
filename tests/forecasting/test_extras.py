"""A package that an extra installs is missing: one sentence names the extra."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What an interpreter does that lacks the package.
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
{code}
"""
PROGRAM = """
import runpy
sys.argv = ["-m", *{arguments!r}]
runpy.run_module({program!r}, run_name="__main__", alter_sys=True)
"""

ARGUMENTS: dict[str, Callable[[Path], list[str]]] = {
    "service": lambda folder: [],
    "training": lambda folder: ["--help"],
    "scoring": lambda folder: ["data/nino12.csv", f"{folder}/forecast.csv", "--model", "gru"],
}


def run_without(package: str, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT.format(package=package, code=code)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("program", "package", "sentence"),
    [
        ("service", "torch", "The service needs the extra `service`"),
        ("service", "pydantic_settings", "The service needs the extra `service`"),
        ("training", "torch", "training: Training needs the extra `training`"),
        ("training", "tqdm", "training: Training needs the extra `training`"),
        ("scoring", "tqdm", "scoring: Batch scoring needs the extra `scoring`"),
        ("scoring", "pyarrow", "scoring: Batch scoring needs the extra `scoring`"),
    ],
)
def test_a_program_without_its_extra_says_so_and_exits_with_2(
    program: str, package: str, sentence: str, tmp_path: Path
) -> None:
    done = run_without(package, PROGRAM.format(program=program, arguments=ARGUMENTS[program](tmp_path)))
    assert done.stderr == f"{sentence} (no package {package!r}): pip install 'sst-forecasting[{program}]'\n"
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.long
def test_releases_are_signed_verified_and_moved_without_the_extra_training(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "artifacts" / "nino12", tmp_path / "here" / "nino12")
    here, there, key = f"{tmp_path}/here", f"file://{tmp_path}/there", f"{tmp_path}/alice.pem"
    commands = [
        ["key", f"{tmp_path}/alice"],
        ["sign", here, "--key", key],
        ["push", here, there],
        ["pull", f"{there}/nino12", f"{tmp_path}/again"],
        ["verify", f"{tmp_path}/again", "--trusted-key", f"{tmp_path}/alice.pub.pem"],
    ]
    lines = [PROGRAM.format(program="training", arguments=["release", *command]) for command in commands]
    for line in lines:
        done = run_without("torch", line)
        assert done.returncode == 0, done.stderr
    assert "files and signature" in done.stdout
    done = run_without("torch", PROGRAM.format(program="training", arguments=["release", "import"]))
    assert (done.returncode, done.stdout) == (2, "")
    sentence = "Importing a network needs the extra `training` (no package 'torch')"
    assert done.stderr.startswith(f"training release import: {sentence}")


def test_a_key_pair_without_the_extra_signing_is_refused_in_one_sentence(tmp_path: Path) -> None:
    line = PROGRAM.format(program="training", arguments=["release", "key", f"{tmp_path}/alice"])
    done = run_without("cryptography", line)
    sentence = "Signing and verifying releases needs the extra `signing` (no package 'cryptography')"
    assert done.stderr == f"training release key: {sentence}: pip install 'sst-forecasting[signing]'\n"
    assert (done.returncode, done.stdout, [*tmp_path.iterdir()]) == (2, "", [])


@pytest.mark.long
def test_a_store_in_postgresql_without_the_extra_postgres_stops_the_start_with_one_sentence() -> None:
    program = PROGRAM.format(program="service", arguments=["--port", "0"])
    store = "import os; os.environ |= {'SST_STORE': 'postgresql://sst@127.0.0.1/sst', 'SST_LOG_FORMAT': 'text'}"
    done = run_without("psycopg", f"{store}\n{program}")
    sentence = "The PostgreSQL database in SST_STORE needs the extra `postgres` (no package 'psycopg')"
    assert done.stderr == f"service: {sentence}: pip install 'sst-forecasting[postgres]'\n"
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("code", "package", "sentence"),
    [
        ("from forecasting import load_forecaster", "torch", "Loading a forecaster needs the extra `torch`"),
        ("from forecasting import Forecaster", "torch", "A forecaster needs the extra `torch`"),
        ("from service.client import Client", "httpx", "The client needs the extra `client`"),
        (
            "from forecasting.readers import read; read({store!r})",
            "zarr",
            "{store}: reading NetCDF and Zarr needs the extra `grids`",
        ),
        (
            "from forecasting.releases.remote.remote_folder import RemoteFolder; RemoteFolder.open('file:///releases')",
            "fsspec",
            "Reading and writing releases at a URL needs the extra `remote`",
        ),
        (
            "from forecasting.releases.remote.remote_folder import RemoteFolder; RemoteFolder.open('s3://releases')",
            "s3fs",
            "Reading and writing releases in S3 needs the extra `s3`",
        ),
    ],
)
def test_an_import_without_its_extra_raises_one_sentence(
    code: str, package: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "zarr.json").write_text("{}", encoding="utf-8")
    code, sentence = code.format(store=str(tmp_path)), sentence.format(store=tmp_path)
    extra = sentence.split("`")[1]
    done = run_without(package, f"try:\n    {code}\nexcept Exception as error:\n    print(error)")
    assert done.stdout == f"{sentence} (no package {package!r}): pip install 'sst-forecasting[{extra}]'\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_help_and_completion_need_no_torch() -> None:
    code = "import forecasting, inspect; print('SstSeries' in dict(inspect.getmembers(forecasting)))"
    done = run_without("torch", code)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_missing_module_of_the_project_is_not_a_missing_extra() -> None:
    code = "from forecasting.extras import needs_extra\nwith needs_extra('torch', 'This'):\n    import service.nowhere"
    done = run_without("nothing", code)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'service.nowhere'"
