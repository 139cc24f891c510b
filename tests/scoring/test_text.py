"""CSV as it comes: encodings, ends of lines and what is no row, as training reads them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from scoring.tables.notes import Notes
from tests.scoring.reading import taken

LATIN = "time,station,Water temp (°F)\n2001-01-01,Málaga,41\n2001-01-02,Málaga,50\n".encode("latin-1")


@pytest.mark.parametrize("content", [LATIN, gzip.compress(LATIN)])
def test_latin_1_is_read_as_such_in_header_and_cells(tmp_path: Path, content: bytes) -> None:
    path, notes = tmp_path / "in.csv", Notes()
    path.write_bytes(content)
    found, _ = taken(path, notes=notes)
    np.testing.assert_allclose(found.pop("Málaga"), [5, 10])
    assert not found
    assert notes.sentences() == (f"{path}: it is not UTF-8, and was read as Latin-1",)


def test_the_encoding_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path, notes = tmp_path / "in.csv", Notes()
    rows = [f"2001-01-01T00:{k // 60:02}:{k % 60:02},Málaga,10" for k in range(300)]
    path.write_bytes("\n".join(["time,station,sst", *rows, ""]).encode("utf-8-sig"))
    assert taken(path, notes=notes)[0] == {"Málaga": [10] * 300}
    assert notes.sentences() == ()
    with path.open("ab") as file:
        file.write("2001-02-01,Cádiz,10\n".encode("latin-1"))
    assert list(taken(path)[0]) == ["MÃ¡laga", "Cádiz"]


def test_gzip_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(gzip.compress(LATIN)[:-12])
    with pytest.raises(FileError, match="is a gzip file that is damaged or cut short"):
        taken(path)
