"""The files that packagers, hosts and newcomers read agree with each other."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION: str = PROJECT["project"]["version"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PACKAGES = ("forecasting", "training", "service", "scoring")
INTERPRETERS = sorted(
    {
        (folder / f"python{version}").resolve()
        for version in PYTHONS
        for folder in (Path(sys.base_prefix, "bin"), Path("/usr/bin"), *Path.home().glob(".pyenv/versions/*/bin"))
        if (folder / f"python{version}").exists()
    }
)
"""Every supported Python that is installed on this machine."""


def released() -> list[tuple[str, str]]:
    """Versions and dates of the changelog, the newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", CHANGELOG, flags=re.MULTILINE)


def workflow_commands() -> list[str]:
    return [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]


def test_the_changelog_describes_the_version_and_keeps_a_place_for_the_next() -> None:
    assert released()[0][0] == VERSION
    assert re.findall(r"^## \[(.*?)\]", CHANGELOG, flags=re.MULTILINE)[0] == "Unreleased"
    assert all(newer[1] >= older[1] for newer, older in pairwise(released()))
    kinds = set(re.findall(r"^### (\w+)$", CHANGELOG, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_citation_names_the_newest_release() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["version"], str(citation["date-released"])) == released()[0]
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["authors"] == PROJECT["project"]["authors"]


def test_the_manifests_use_images_of_the_version() -> None:
    kustomization = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert {image["newTag"] for image in kustomization["images"]} == {VERSION}


def test_the_images_are_built_with_the_version_and_without_tools_for_development() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (script,) = re.findall(r"sed -zi '(.*)' pyproject\.toml", dockerfile)
    edited = subprocess.run(
        ["sed", "-z", script, ROOT / "pyproject.toml"], capture_output=True, text=True, check=True
    ).stdout
    project = tomllib.loads(edited)["project"]
    assert project["version"] == VERSION
    assert {"service", "training", "scoring"} <= set(project["optional-dependencies"])
    assert "dev" not in project["optional-dependencies"]


def test_the_image_bundles_the_page_with_the_options_of_a_wheel() -> None:
    setup, dockerfile = ((ROOT / name).read_text(encoding="utf-8") for name in ("setup.py", "Dockerfile"))
    options = " ".join(re.findall('"(--[a-z=-]+)"', setup))
    assert "--minify" in options
    assert f"deno bundle {options} --output=bundle.js" in dockerfile


def test_the_documentation_site_has_the_colours_of_the_page() -> None:
    docs = ROOT / "docs"
    assert (docs / "colours.css").resolve() == ROOT / "service" / "plugins" / "page" / "static" / "colours.css"
    assert re.search("extra_css:\n  - colours.css.*\n  - site.css\n", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert not re.search(r"#[0-9a-f]{3}|rgb\(|light-dark", (docs / "site.css").read_text(encoding="utf-8"))


def test_the_workflow_runs_the_gate_and_all_other_parts() -> None:
    make = ("make", "--no-print-directory", "--dry-run", "test-all")
    commands = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    _, parts = commands.rstrip().rsplit(".ci/parts.py ", 1)
    assert ["test", *WORKFLOW["jobs"]["part"]["strategy"]["matrix"]["part"]] == parts.split()
    scripts = set(re.findall(r"\.ci/\S+", " ".join(workflow_commands())))
    assert scripts == {".ci/parts.py", ".ci/programs"}
    assert all((ROOT / script).is_file() for script in scripts)


def test_the_workflow_and_the_metadata_name_the_same_versions_of_python() -> None:
    assert tuple(WORKFLOW["jobs"]["gate"]["strategy"]["matrix"]["python"]) == PYTHONS
    classified = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if ":: Python :: 3." in line]
    assert tuple(classified) == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"


def chosen_python(folder: Path, interpreter: Path) -> str:
    """Ask make which Python it would use if this were the only one; return the command that it would run."""
    (folder / "python3").symlink_to(interpreter)
    arguments = ("make", "--dry-run", f"VENV={folder}/venv", f"{folder}/venv/bin/python")
    make = shutil.which(arguments[0])
    return subprocess.run(arguments, executable=make, cwd=ROOT, env={"PATH": str(folder)}, capture_output=True,
                          text=True, check=True).stdout  # fmt: skip


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_every_installed_python_compiles_all_modules_and_is_accepted_by_make(interpreter: Path, tmp_path: Path) -> None:
    assert "python3 -m venv" in chosen_python(tmp_path, interpreter)
    compile_all = (
        "import sys, pathlib\nfor path in sys.argv[1:]: compile(pathlib.Path(path).read_bytes(), path, 'exec')"
    )
    modules = [ROOT / "sst.py", *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    subprocess.run([interpreter, "-W", "error", "-c", compile_all, *modules], check=True)


def test_make_accepts_a_newer_python_and_no_older_one(tmp_path: Path) -> None:
    for number, accepted in ((10, False), (99, True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        stand_in = folder / "python"
        version = f"import sys; sys.version_info = (3, {number}); exec(sys.argv[1])"
        stand_in.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{version}' \"$2\"\n")
        stand_in.chmod(0o755)
        assert ("python3 -m venv" in chosen_python(folder, stand_in)) == accepted


def test_the_hooks_are_valid_and_run_installed_tools() -> None:
    path = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", path], check=True)
    hooks = [hook for repo in yaml.safe_load(path.read_text(encoding="utf-8"))["repos"] for hook in repo["hooks"]]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in hooks:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert f"$(BIN)/{tool} " in makefile or f"$(BIN)/{tool}\n" in makefile


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    (folder,) = importlib.import_module(package).__path__
    assert (ROOT / folder / "py.typed").is_file()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"][package]


def test_every_decision_is_in_the_index() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "index.md").read_text(encoding="utf-8")
    for page in decisions.glob("0*.md"):
        title = page.read_text(encoding="utf-8").splitlines()[0]
        assert f"| [{int(page.name[:4])}]({page.name}) | {title.partition('. ')[2]} |" in index
