"""The ``sst`` command, run as its users run it."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from tests.conftest import NINO12, ROOT
from tests.forked_commands import PROGRAMS, Completed, run_forked
from tests.forks import run
from tests.processes import running

SST = str(Path(sys.executable).with_name("sst"))
COMMANDS = {
    "serve": "service",
    "key": "service",
    "train": "training",
    "inspect": "training",
    "fetch": "training",
    "forecast": "scoring",
    "events": "scoring",
    "rollback": "training",
    "release": "training",
    "score": "scoring",
    "outlook": "scoring",
    "verify": "scoring",
    "station": "service",
}
MODULES = [
    "service", "service key", "training", "training inspect", "training fetch",
    "training rollback", "training release", "scoring", "scoring verify",
]  # fmt: skip

REFUSED = {
    "serve --workers 0": "invalid setting SST_WORKERS=0: ",
    "key --name a:b": "--name: the name of a key must be ",
    "train --data none.csv --name sea": "none.csv: cannot read it: ",
    "inspect none.csv": "none.csv: cannot read it: ",
    "fetch --erddap ftp://sea --dataset sst --variable t -o sst.csv": "'ftp://sea/info/sst/index.csv' is not ",
    "forecast none.csv": "none.csv: cannot read it: ",
    "events none.csv": "none.csv: cannot read it: ",
    "rollback nowhere": "no dataset 'nowhere' in artifacts",
    "release sign nowhere --key none.pem": "cannot read none.pem: ",
    "release rollback nowhere": "no dataset 'nowhere' in artifacts",
    "score none.csv forecast.csv": "none.csv: no such file",
    "outlook none.nc -o none": "none.nc: no such file",
    "verify none.parquet none.csv": "none.parquet: is not an archive",
    "station add pier --step day --source none.json": "none.json: cannot read it: ",
}
"""What each command is asked, and how it begins to say why it refuses."""
SUBCOMMANDS = {"release rollback", "release sign", "station add"}


@pytest.fixture(scope="module")
def helps() -> dict[str, Completed]:
    """What each command and each module prints with ``--help``, and each program with ``--version``."""
    asked = [f"{command} --help" for command in (*(f"sst {name}" for name in COMMANDS), *MODULES)]
    return run_forked([*asked, *(f"{program} --version" for program in PROGRAMS)])


@pytest.mark.parametrize(("command", "package"), COMMANDS.items())
def test_each_command_shows_its_own_name_and_imports_no_other_program(
    command: str, package: str, helps: dict[str, Completed]
) -> None:
    done = helps[f"sst {command} --help"]
    assert (done.status, done.errors) == (0, "")
    assert done.output.startswith(f"usage: sst {command} [-h]")
    assert "python -m" not in done.output
    assert {*done.imported} <= {package}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED.items())
def test_an_error_starts_with_the_name_of_the_command(arguments: str, sentence: str) -> None:
    command, subcommand, *_ = arguments.split()
    name = f"{command} {subcommand}" if f"{command} {subcommand}" in SUBCOMMANDS else command
    refused = run([SST, *arguments.split()], env=os.environ | {"SST_LOG_FORMAT": "text"})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"sst {name}: {sentence}")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", ["serve --work=2", "forecast none.csv --hori=2", "station list --ur=x"])
def test_an_option_is_not_abbreviated(arguments: str) -> None:
    refused = run([SST, *arguments.split()])
    assert refused.returncode == 2
    assert arguments.split()[-1] in refused.stderr.splitlines()[-1]


def test_every_command_is_asked_for_something_that_it_refuses() -> None:
    assert {arguments.split()[0] for arguments in REFUSED} == set(COMMANDS)


@pytest.mark.parametrize("module", MODULES)
def test_a_program_run_as_a_module_shows_the_name_of_the_module(module: str, helps: dict[str, Completed]) -> None:
    done = helps[f"{module} --help"]
    assert (done.status, done.errors) == (0, "")
    assert done.output.startswith(f"usage: python -m {module} [-h]")


def test_help_lists_every_command_and_imports_no_program() -> None:
    command = [sys.executable, "-X", "importtime", SST, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    imported = set(re.findall(r"\| +(\w+)", done.stderr))
    assert done.returncode == 0
    assert "sst" in imported
    assert not imported & ({*PROGRAMS} | {"forecasting"})
    assert re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE) == list(COMMANDS)


def test_every_program_prints_the_version_of_the_distribution(helps: dict[str, Completed]) -> None:
    for program in PROGRAMS:
        done = helps[f"{program} --version"]
        assert (done.status, done.output.strip()) == (0, version("sst-forecasting"))
    printed = run([SST, "--version"])
    assert (printed.returncode, printed.stdout) == (0, f"sst {version('sst-forecasting')}\n")


@pytest.mark.parametrize("arguments", [(), ("predict",), ("--horizon", "3")])
def test_anything_but_a_command_is_refused(arguments: tuple[str, ...]) -> None:
    done = run([SST, *arguments])
    assert done.returncode == 2
    assert done.stderr.startswith("usage: sst [--help | --version] COMMAND ...\nsst: error: ")


def test_a_command_takes_the_arguments_that_follow_it_and_exits_with_its_status(tmp_path: Path) -> None:
    inspected = run([SST, "inspect", NINO12])
    assert (inspected.returncode, inspected.stdout.splitlines()[0]) == (0, str(NINO12))
    absent = run([SST, "inspect", tmp_path / "absent.csv"])
    assert absent.returncode == 2
    assert "absent.csv" in absent.stderr


@pytest.mark.long
def test_sst_serves_with_several_workers(artifacts: Path) -> None:
    with running(artifacts, (SST, "serve"), workers=2) as service:
        assert len(service.children()) == 2
        assert httpx.get(f"{service.url}/forecast", timeout=600).status_code == 200
    assert service.process.returncode == 0


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    (tmp_path / "sst.py").write_bytes((ROOT / "sst.py").read_bytes())
    distribution = tmp_path / "sst_forecasting-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Name: sst-forecasting\nVersion: 1.0\n")
    # Without site-packages, only what is in the folder can be imported.
    command = [sys.executable, "-S", "sst.py", "score", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("sst: error: score is not available here: the package 'scoring' is not installed\n")
