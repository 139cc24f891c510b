"""The commands that research/README.md names, run as a reader runs them."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import NINO12, ROOT
from tests.forked_commands import Completed, run_forked
from tests.forks import run

FOLDER = ROOT / "research"
NAMED = sorted(set(re.findall(r"python -m (research[\w.]+)", (FOLDER / "README.md").read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def helps() -> dict[str, Completed]:
    return run_forked([f"{command} --help" for command in NAMED])


@pytest.mark.parametrize("command", NAMED)
def test_a_command_shows_its_own_name_and_imports_no_service(command: str, helps: dict[str, Completed]) -> None:
    done = helps[f"{command} --help"]
    assert (done.status, done.errors) == (0, "")
    assert done.output.startswith(f"usage: python -m {command} [-h]")
    assert "service" not in done.imported


def test_the_readme_names_every_command() -> None:
    paths = [path for path in FOLDER.rglob("*.py") if '__name__ == "__main__"' in path.read_text(encoding="utf-8")]
    modules = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    assert sorted(module.removesuffix(".__main__") for module in modules) == NAMED


@pytest.mark.long
def test_the_quick_run_of_the_readme_publishes_a_release(tmp_path: Path) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    (arguments,) = re.findall(r"^    python -m (research\.pretraining .*) --out /tmp/artifacts$", readme, re.MULTILINE)
    done = run([sys.executable, "-m", *arguments.split(), "--out", tmp_path], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    published, _, serving = done.stdout.partition(", ")
    assert serving == "which now serves\n"
    assert Path(published.removeprefix("published "), "MODEL_CARD.md").is_file()


def test_a_study_counts_the_suspect_values_of_a_series() -> None:
    done = run([sys.executable, "-m", "research.studies.suspects", NINO12], cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "nino12" in done.stdout
