"""What was chosen or left out while reading a table."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from forecasting.wording import counted


@dataclass
class Notes:
    """Sentences, and the files that each is about."""

    _files: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, file: Path, sentence: str) -> None:
        """Say something of a file."""
        self._files.setdefault(sentence, []).append(file)

    def add_all(self, file: Path, sentences: Iterable[str]) -> None:
        """Say some things of a file."""
        for sentence in sentences:
            self.add(file, sentence)

    def sentences(self) -> tuple[str, ...]:
        """Each once, whatever the number of files."""
        return tuple(f"{name_files(files)}: {sentence}" for sentence, files in self._files.items())


def name_files(files: list[Path]) -> str:
    """The first of some files, and how many others there are."""
    others = len(files) - 1
    return f"{files[0]}" + (f" and {counted(others, 'other file')}" if others else "")
