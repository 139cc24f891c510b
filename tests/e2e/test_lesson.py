import os
from copy import deepcopy

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

LESSON = ROOT / "docs" / "lesson.ipynb"


@pytest.fixture(scope="module")
def cells() -> tuple[list[nbformat.NotebookNode], list[nbformat.NotebookNode]]:
    """The cells up to the one that reads the data, run in the root, then the whole lesson, run in its own folder.

    One kernel runs both, since a kernel takes seconds to import what the lesson needs.
    """
    notebook = nbformat.read(LESSON, as_version=4)
    whole = notebook.cells
    reading = next(i for i, cell in enumerate(whole) if "read_csv(data_file)" in cell.source)
    in_root = deepcopy(whole[: reading + 1])
    change = nbformat.v4.new_code_cell(f"import os\nos.chdir({str(LESSON.parent)!r})")
    notebook.cells = [*in_root, change, *whole]
    with pytest.MonkeyPatch.context() as environment:
        environment.setitem(os.environ, "PYTHONWARNINGS", "error::UserWarning")
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook.cells[: len(in_root)], notebook.cells[len(in_root) + 1 :]


def test_the_lesson_runs_from_top_to_bottom(
    cells: tuple[list[nbformat.NotebookNode], list[nbformat.NotebookNode]],
) -> None:
    shown = "".join(
        str(output.get("data", {}).get("text/markdown", "")) for cell in cells[1] for output in cell.get("outputs", ())
    )
    for model in ("RNN", "LSTM", "GRU", "persistence"):
        assert f"| {model} " in shown


def test_the_lesson_finds_its_data_from_the_root_too(
    cells: tuple[list[nbformat.NotebookNode], list[nbformat.NotebookNode]],
) -> None:
    printed, _ = cells[0][-1].outputs
    assert printed.text.startswith("732 values, one a month, 1950-01-01 to 2010-12-01")
