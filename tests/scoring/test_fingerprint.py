"""What a run is, so that it goes on with that alone."""

from pathlib import Path

import pytest

from scoring.errors import ScoringError
from scoring.work import Fingerprint


def test_files_that_change_while_they_are_read_are_named(tmp_path: Path) -> None:
    files = tuple(tmp_path / f"{day}.nc" for day in (1, 2))
    for file in files:
        file.write_text("sst")
    before = Fingerprint.of(files)
    before.check()
    files[1].write_text("more")
    with pytest.raises(ScoringError, match=r"2\.nc changed while it was being read; run again when it is complete"):
        before.check()
    assert Fingerprint.of(files).sha256 != before.sha256


def test_another_file_or_another_name_is_another_input(tmp_path: Path) -> None:
    files = [tmp_path / f"{day}.nc" for day in (1, 2, 3)]
    for file in files:
        file.write_text("sst")
    digests = {Fingerprint.of(tuple(some)).sha256 for some in (files[:1], files[:2], files[1:], files)}
    assert len(digests) == 4
