"""The identity and the progress of a run, so that a killed run can resume.

The work folder ``.OUTPUT.partial/`` holds:

    lock        held by the one command that may write here
    plan.json   identity of the run; see :class:`Plan`
    staged/     the input in the form that the chunks need
    parts/      forecasts of finished chunks
    failed/     reasons of failed chunks
    placed      device and inode of the output, once it is in place

Every file appears by a rename once it is complete. Only the command that holds the lock writes here.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter

from forecasting.disk import flush, flush_all, locked, move_whole, write_whole
from forecasting.errors import FileError
from forecasting.readers import content_digest
from scoring.errors import ScoringError
from scoring.job import Counts, Failure, Part
from scoring.source import inside

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Everything that determines the output, and nothing else."""

    input_sha256: str
    model: str
    version: str
    model_sha256: str
    horizon: int
    levels: tuple[int, ...]
    chunk: int
    output: str
    device: str
    events_sha256: str | None
    baseline: str | None
    baseline_sha256: str | None
    reading: dict[str, object]
    libraries: dict[str, str]

    def to_json(self) -> str:
        """Return the plan as JSON, with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def differences(self, begun: str) -> list[str]:
        """Describe each difference between this plan and the one in ``begun`` (JSON)."""
        current = json.loads(self.to_json())
        try:
            earlier = json.loads(begun)
        except ValueError:
            return ["its plan is unreadable"]
        changed = [name for name in sorted(earlier.keys() | current.keys()) if earlier.get(name) != current.get(name)]
        return [
            f"{_WORDS[name]} has changed"
            if name.endswith("sha256")
            else f"{_WORDS.get(name, name)} was {earlier.get(name)} and is now {current.get(name)}"
            for name in changed
        ]


_WORDS: Final = {
    "input_sha256": "the input", "model_sha256": "the checkpoint", "version": "the release of the model",
    "events_sha256": "the list of events", "baseline_sha256": "the file of baselines",
    "baseline": "the baseline",
}  # fmt: skip


@dataclass(frozen=True)
class Fingerprint:
    """The state of an input at one moment."""

    files: tuple[Path, ...]
    sha256: str
    stamps: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, files: tuple[Path, ...]) -> "Fingerprint":
        """Return the fingerprint of ``files``, which may include folders."""
        try:
            stamps = _stamps(files)
            return cls(files, _digest(files), stamps)
        except OSError as error:
            raise FileError(f"{error.filename or files[0]}: cannot read it: {error.strerror or error}") from None

    def check(self) -> None:
        """Raise ScoringError if a file has changed since the fingerprint was taken."""
        now = _stamps(self.files)
        changed = sorted({name for name, *_ in set(now) ^ set(self.stamps)})
        if changed:
            raise ScoringError(f"{changed[0]} changed while it was being read; run again when it is complete")


def _digest(files: tuple[Path, ...]) -> str:
    if len(files) == 1:
        return content_digest(files[0])
    digests = b"".join(os.fsencode(f"{file.name}\n{content_digest(file)}\n") for file in files)
    return hashlib.sha256(digests).hexdigest()


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    stats = [(str(inner), inner.stat()) for file in files for inner in inside(file)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


_PATIENCE: Final = 2.0
"""Seconds to wait for a killed command to end."""


class WorkFolder:
    """The work folder of an output; use it while :func:`working` holds its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._make()

    @property
    def staged(self) -> Path:
        """Folder of the staged input."""
        return self.path / "staged"

    def begin(self, plan: Plan, output: Path) -> None:
        """Start or resume the run of ``plan``."""
        is_resumable = self.staged.exists() and not self.has_placed(output)
        if not is_resumable and self.differences(plan):
            self.clear()
        differences = self.differences(plan)
        if differences is None:
            write_whole(self._plan, plan.to_json().encode())
        elif differences:
            raise ScoringError(
                f"{self.path} holds an unfinished run that cannot be resumed: {'; '.join(differences)}; "
                "undo the change, or start over with --restart"
            )

    def differences(self, plan: Plan) -> list[str] | None:
        """Describe each difference between ``plan`` and that of the run in the folder; None if there is no run."""
        return plan.differences(self._plan.read_text()) if self._plan.exists() else None

    @property
    def _plan(self) -> Path:
        return self.path / "plan.json"

    def clear(self) -> None:
        """Remove everything except the lock."""
        for inner in self.path.iterdir():
            if inner.name != "lock":
                remove(inner)
        self._make()

    def _make(self) -> None:
        for name in ("parts", "failed"):
            (self.path / name).mkdir(exist_ok=True)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield an empty folder, which becomes :attr:`staged` when the block ends."""
        half = self.path / "staged.half"
        remove(half)
        half.mkdir()
        yield half
        move_whole(half, self.staged)

    def finished(self) -> dict[int, Counts]:
        """Return the counts of each finished chunk."""
        return {int(file.stem): _read_counts(file) for file in sorted((self.path / "parts").glob("*.part"))}

    def save(self, chunk: int, part: Part) -> None:
        """Store the forecasts of a chunk, which finishes it."""
        counts = json.dumps(vars(part.counts)).encode()
        write_whole(self._part(chunk), counts + b"\n" + part.content)
        (self.path / "failed" / f"{chunk:06}").unlink(missing_ok=True)

    def content(self, chunk: int) -> bytes:
        """Return the forecasts of a finished chunk."""
        return self._part(chunk).read_bytes().partition(b"\n")[2]

    def _part(self, chunk: int) -> Path:
        return self.path / "parts" / f"{chunk:06}.part"

    def record(self, chunk: int, failure: Failure) -> None:
        """Store the reason why a chunk failed."""
        write_whole(self.path / "failed" / f"{chunk:06}", failure.reason.encode())

    def place(self, complete: Path, output: Path) -> None:
        """Move the ``complete`` file or store to ``output``, replacing whatever is there."""
        flush_all(complete)
        stat = complete.stat()
        write_whole(self.path / "placed", f"{stat.st_dev} {stat.st_ino}".encode())
        if output.is_dir() or (complete.is_dir() and output.exists()):
            replaced = self.path / "replaced"
            remove(replaced)
            output.rename(replaced)
        complete.rename(output)
        flush(output.parent)

    def failures(self) -> dict[int, str]:
        """Return the reasons of failed chunks."""
        return {int(file.name): file.read_text() for file in sorted((self.path / "failed").glob("[0-9]*"))}

    def has_placed(self, output: Path) -> bool:
        """Return whether this run put the current ``output`` in place."""
        try:
            stat = output.stat()
            return (self.path / "placed").read_text() == f"{stat.st_dev} {stat.st_ino}"
        except OSError:
            return False

    def remove_if_empty(self) -> None:
        """Remove the folder if it holds no run."""
        if not self._plan.exists():
            self.remove()

    def remove(self) -> None:
        """Remove the folder."""
        # Renamed first, so that a half-removed folder cannot be taken for a run.
        done = self.path.with_name(f"{self.path.name}.done")
        remove(done)
        self.path.rename(done)
        remove(done)


@contextmanager
def working(output: Path, *, restart: bool, job: str = "") -> Iterator[WorkFolder]:
    """Lock the work folder of ``output``, creating it if needed; ``job`` tells apart several of one output."""
    path = output.with_name(f".{output.name}{job}.partial")
    path.mkdir(exist_ok=True)
    with ExitStack() as stack:
        try:
            (path / "lock").touch()
            is_held = stack.enter_context(locked(path / "lock", _PATIENCE))
        except FileNotFoundError:
            raise ScoringError(f"another command has just finished {output}; check that file first") from None
        if not is_held:
            raise ScoringError(f"another command is writing {output}; wait for it or stop it")
        remove(path.with_name(f"{path.name}.done"))
        work = WorkFolder(path)
        if restart:
            work.clear()
        yield work


def _read_counts(part: Path) -> Counts:
    with part.open("rb") as file:
        return Counts(**json.loads(file.readline()))


def write_json(path: Path, value: object) -> None:
    """Write a dataclass as JSON."""
    path.write_bytes(TypeAdapter(type(value)).dump_json(value))


def read_json(kind: type[T], path: Path) -> T:
    """Read a dataclass that :func:`write_json` wrote."""
    return TypeAdapter(kind).validate_json(path.read_bytes())


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
