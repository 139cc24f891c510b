"""One training run, from a dataset to a published release."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from forecasting.errors import RequestError
from forecasting.evaluation.report import Report
from forecasting.models.checkpoint import CPU
from forecasting.readers import content_digest
from forecasting.releases.release import LONGEST_TITLE, PlaceRelease, is_dataset_name, is_title, point_current
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.evaluate import Predecessor
from training.fit.fitting import Progress, fit_all
from training.fit.universal_start import UniversalStart
from training.publish.export import Identity, write_contents
from training.publish.release import made_at, prune, publish_next, staging, writing_to


@dataclass(frozen=True)
class Destination:
    """Where a release is published, and what happens to older releases of the dataset."""

    name: str
    artifacts: Path
    keep: int | None = None
    if_not_worse: bool = False
    title: str | None = None

    def __post_init__(self) -> None:
        if not is_dataset_name(self.name):
            raise RequestError(
                f"{self.name!r} is not a valid dataset name: use up to 64 lower-case letters, digits, dots, dashes and "
                "underscores",
                field="name",
            )
        if self.title is not None and not is_title(self.title):
            raise RequestError(
                f"the title {self.title[:80]!r} is not valid: use 1 to {LONGEST_TITLE} printable characters, without "
                "spaces at the ends",
                field="title",
            )

    @property
    def folder(self) -> Path:
        """Folder of the dataset's releases."""
        return self.artifacts / self.name

    def publish(self, data_file: Path, write: Callable[[Path, Identity], Report]) -> tuple[Path, Report]:
        """Publish the next release, which does not serve yet; see :func:`~training.publish.release.publish_next`."""

        def write_version(stage: Path, version: str) -> Report:
            digest = content_digest(data_file)
            return write(stage, Identity(self.name, version, made_at(version), data_file.name, digest, self.title))

        return publish_next(self.folder, write_version)

    def serve(self, path: Path, report: Report, replaces: bool = True, comparison: str = "") -> "Published":
        """Let the release at ``path`` serve if it ``replaces`` the one before, and remove old ones."""
        with writing_to(self.folder):
            if replaces:
                point_current(self.folder, path.name)
            removed = [] if self.keep is None else prune(self.folder, self.keep, path.name)
        return Published(path, report, replaces, comparison, tuple(removed))


@dataclass(frozen=True)
class Execution:
    """How the networks of a run are fitted."""

    workers: int = 1
    device: torch.device = CPU
    progress: Progress | None = None
    start: UniversalStart | None = None
    alone: bool = False


ONE_PROCESS: Final = Execution()


@dataclass(frozen=True)
class Published:
    """The outcome of a run."""

    path: Path
    report: Report
    serves: bool
    comparison: str
    removed: tuple[str, ...]


def train(
    dataset: Dataset,
    data_file: Path,
    destination: Destination,
    config: TrainingConfig,
    execution: Execution = ONE_PROCESS,
) -> Published:
    """Fit every cell to ``dataset``, evaluate the networks, and publish a release.

    The release appears under its name once it is complete; an interrupted run leaves nothing half written.
    """
    # Fail before the long part if the folder cannot be written, or the serving release cannot be read.
    with staging(destination.folder):
        predecessor = Predecessor.load(destination.artifacts, destination.name) if destination.if_not_worse else None
    fits = {} if execution.alone else fit_all(dataset, config, execution.workers, execution.progress, execution.device)

    def write(stage: Path, identity: Identity) -> Report:
        return write_contents(stage, dataset, config, fits, identity, execution.start)

    path, report = destination.publish(data_file, write)
    if predecessor is None:
        return destination.serve(path, report)
    return destination.serve(path, report, *predecessor.compare(PlaceRelease.open(path), report, dataset))
