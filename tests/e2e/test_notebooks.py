"""The notebooks of ``docs/notebooks`` run from top to bottom, and show what they showed when they were written."""

import re
from typing import Final

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS: Final = ROOT / "docs" / "notebooks"
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """The output and results of the cells."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output.text if output.output_type == "stream" else output.data["text/plain"]) for output in outputs]


@pytest.mark.parametrize("name", ["grid", "heatwave_desk", "own_series", "stations"])
def test_a_notebook_runs_and_shows_the_figures_that_it_was_published_with(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    published = shown(notebook)
    monkeypatch.setenv("PYTHONWARNINGS", "error::UserWarning")
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, kernel_name="python3", resources=resources, timeout=300).execute()
    for before, now in zip(published, shown(notebook), strict=True):
        # Another processor may round the last digit differently.
        assert _NUMBER.sub("0", now).split() == _NUMBER.sub("0", before).split()
        assert [*map(float, _NUMBER.findall(now))] == pytest.approx([*map(float, _NUMBER.findall(before))], 0.02, 0.02)


def test_every_notebook_is_tested_and_named_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in [*NOTEBOOKS.glob("*.ipynb")]:
        assert f"notebooks/{path.name}" in index
