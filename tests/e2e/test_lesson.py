from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

LESSON = ROOT / "docs" / "lesson.ipynb"


@pytest.mark.parametrize("folder", [ROOT, LESSON.parent], ids=["root", "docs"])
def test_the_lesson_runs_from_top_to_bottom(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error::UserWarning")
    notebook = nbformat.read(LESSON, as_version=4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    shown = "".join(
        str(output.get("data", {}).get("text/markdown", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    for model in ("RNN", "LSTM", "GRU", "persistence"):
        assert f"| {model} " in shown
