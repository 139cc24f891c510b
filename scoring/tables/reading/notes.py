"""Notes on what was assumed or skipped while reading tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from forecasting.wording import counted


@dataclass
class Notes:
    """Sentences, each with the files that it is about."""

    _files: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, file: Path, sentence: str) -> None:
        """Add a sentence about a file."""
        self._files.setdefault(sentence, []).append(file)

    def add_all(self, file: Path, sentences: Iterable[str]) -> None:
        """Add sentences about a file."""
        for sentence in sentences:
            self.add(file, sentence)

    def sentences(self) -> tuple[str, ...]:
        """Return each sentence once, with the names of its files."""
        return tuple(f"{name_files(files)}: {sentence}" for sentence, files in self._files.items())


def name_files(files: list[Path]) -> str:
    """Return the name of the first file, and the number of others."""
    others = len(files) - 1
    return f"{files[0]}" + (f" and {counted(others, 'other file')}" if others else "")
