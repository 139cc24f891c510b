"""The lesson and the notebooks of ``docs/notebooks`` run from top to bottom.

The notebooks show what they showed when they were written.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS: Final = ROOT / "docs" / "notebooks"
LESSON: Final = ROOT / "docs" / "lesson.ipynb"
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")

Cells = Sequence[nbformat.NotebookNode]
Run = Callable[[Cells, Path], None]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs cells in a folder, without the names of those before.

    One kernel runs all notebooks, since a kernel takes seconds to import what they need.
    """
    client = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", timeout=300)

    def run(cells: Cells, folder: Path) -> None:
        begin = f"%reset -sf\nimport os\nos.chdir({str(folder)!r})\ndel os"
        client.nb.cells = [nbformat.v4.new_code_cell(begin), *cells]
        for number, cell in enumerate(client.nb.cells):
            client.execute_cell(cell, number)

    with pytest.MonkeyPatch.context() as environment:
        environment.setitem(os.environ, "PYTHONWARNINGS", "error::UserWarning")
        with client.setup_kernel(cwd=str(ROOT)):
            yield run


def shown(cells: Cells) -> list[str]:
    """The output and results of the cells."""
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return [str(output.text if output.output_type == "stream" else output.data["text/plain"]) for output in outputs]


def assert_same_figures(outputs: Sequence[str], published: Sequence[str]) -> None:
    for now, before in zip(outputs, published, strict=True):
        # Another processor may round the last digit differently.
        assert _NUMBER.sub("0", now).split() == _NUMBER.sub("0", before).split()
        assert [*map(float, _NUMBER.findall(now))] == pytest.approx([*map(float, _NUMBER.findall(before))], 0.02, 0.02)


@pytest.mark.long
@pytest.mark.parametrize("name", ["grid", "heatwave_desk", "own_series", "stations"])
def test_a_notebook_runs_and_shows_the_figures_that_it_was_published_with(name: str, run: Run) -> None:
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    published = shown(cells)
    run(cells, NOTEBOOKS)
    assert_same_figures(shown(cells), published)


def test_every_notebook_is_tested_and_named_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in [*NOTEBOOKS.glob("*.ipynb")]:
        assert f"notebooks/{path.name}" in index


def lesson() -> Cells:
    """The lesson, with a tenth of the training."""
    notebook = LESSON.read_text(encoding="utf-8")
    assert notebook.count("epochs=30,") == 1
    return nbformat.reads(notebook.replace("epochs=30,", "epochs=3,"), as_version=4).cells  # type: ignore[no-any-return]


@pytest.mark.long
def test_the_lesson_runs_from_top_to_bottom(run: Run) -> None:
    cells = lesson()
    weather = [cell for cell in cells if cell.id in ("weather-table", "weather-release")]
    published = shown(weather)
    run(cells, LESSON.parent)
    tables = "".join(
        str(output.get("data", {}).get("text/markdown", "")) for cell in cells for output in cell.get("outputs", ())
    )
    for model in ("RNN", "LSTM", "GRU", "persistence"):
        assert f"| {model} " in tables
    assert len(published) == 2
    assert_same_figures(shown(weather), published)


def test_the_lesson_finds_its_data_from_the_root_too(run: Run) -> None:
    cells = lesson()
    reading = next(i for i, cell in enumerate(cells) if "read_csv(data_file)" in cell.source)
    run(cells[: reading + 1], ROOT)
    printed, _ = cells[reading].outputs
    assert printed.text.startswith("732 values, one a month, 1950-01-01 to 2010-12-01")
