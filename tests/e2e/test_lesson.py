from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

LESSON = ROOT / "docs" / "lesson.ipynb"


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()


def test_the_lesson_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error::UserWarning")
    notebook = nbformat.read(LESSON, as_version=4)
    run(notebook, LESSON.parent)
    shown = "".join(
        str(output.get("data", {}).get("text/markdown", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    for model in ("RNN", "LSTM", "GRU", "persistence"):
        assert f"| {model} " in shown


def test_the_lesson_finds_its_data_from_the_root_too() -> None:
    notebook = nbformat.read(LESSON, as_version=4)
    reading = next(i for i, cell in enumerate(notebook.cells) if "read_csv(data_file)" in cell.source)
    notebook.cells = notebook.cells[: reading + 1]
    run(notebook, ROOT)
    printed, _ = notebook.cells[-1].outputs
    assert printed.text.startswith("732 values, one a month, 1950-01-01 to 2010-12-01")
