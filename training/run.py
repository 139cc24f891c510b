"""One training run, from a dataset to a published release."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import torch

from forecasting.errors import ReleaseError, RequestError
from forecasting.evaluation.report import Report
from forecasting.networks.device import CPU
from forecasting.readers import content_digest
from forecasting.releases.release import LONGEST_TITLE, Release, is_dataset_name, is_title
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.evaluate import Predecessor, Verdict
from training.fit.fitting import Fits, Progress, fit_all
from training.fit.universal_start import UniversalStart
from training.publish.export import Identity, write_contents
from training.publish.release import next_version, point_current, prune, publish, staging


@dataclass(frozen=True)
class Destination:
    """Where a release is published, and what happens to older releases of the dataset.

    Attributes:
        name: of the dataset.
        artifacts: folder of all releases.
        keep: number of old releases to keep, beside the one that serves; None keeps all.
        if_not_worse: leave ``current`` as it is if the release that serves is better on dates that neither was fitted
            to, or if there are none.
        title: of the dataset, for people to read; at most 60 printable characters.

    Raises:
        RequestError: if ``name`` is not a valid dataset name, or the title is blank or too long.
    """

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

    def predecessor(self) -> Predecessor | None:
        """The serving release; None if there is nothing to compare with."""
        return Predecessor.load(self.artifacts, self.name) if self.if_not_worse else None


@dataclass(frozen=True)
class Execution:
    """How the networks of a run are fitted.

    Attributes:
        workers: number of processes.
        device: that cells are trained on.
        progress: called with the number of epochs completed since the last call.
        start: universal networks to start from; None fits every network to the place alone.
        alone: whether the series is too short to fit networks to it, so that the universal ones serve as they are.
    """

    workers: int = 1
    device: torch.device = CPU
    progress: Progress | None = None
    start: UniversalStart | None = None
    alone: bool = False


ONE_PROCESS: Final = Execution()

_UNOPPOSED: Final = Verdict(True, "")


@dataclass(frozen=True)
class Published:
    """The outcome of a run.

    Attributes:
        path: of the release.
        report: of the release.
        serves: whether ``current`` names the release.
        comparison: with the release that served before, in a sentence; empty if they were not compared.
        removed: versions of the old releases that were removed.
    """

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

    Args:
        dataset: to train on.
        data_file: that the dataset was read from; the release records its name and digest.
        destination: of the release.
        config: settings of the run.
        execution: how to fit the networks.

    Raises:
        ReleaseError: if the release cannot be written.
    """
    folder = destination.folder
    try:
        # Fail before the long part if the folder cannot be written, or the serving release cannot be read.
        with staging(folder):
            predecessor = destination.predecessor()
        fits = (
            {} if execution.alone else fit_all(dataset, config, execution.workers, execution.progress, execution.device)
        )
        identity = identify(destination, data_file)
        path, report = _publish(folder, dataset, config, fits, identity, execution.start)
        verdict = predecessor.compare(Release.open(path), report, dataset) if predecessor else _UNOPPOSED
        if verdict.replaces:
            point_current(folder, path.name)
        removed = [] if destination.keep is None else prune(folder, destination.keep, path.name)
    except OSError as error:
        raise ReleaseError(f"cannot write the release to {folder}: {error.strerror or error}") from None
    return Published(path, report, verdict.replaces, verdict.sentence, tuple(removed))


def _publish(
    folder: Path, dataset: Dataset, config: TrainingConfig, fits: Fits, identity: Identity, start: UniversalStart | None
) -> tuple[Path, Report]:
    """Write a new release into the dataset's ``folder``."""
    with staging(folder) as stage:
        report = write_contents(stage, dataset, config, fits, identity, start)
        return publish(stage, folder, identity.version), report


def identify(destination: Destination, data_file: Path) -> Identity:
    """Return the identity of the next release at ``destination``, made from ``data_file``."""
    version = next_version(destination.folder)
    created = datetime.strptime(version, "%Y%m%dT%H%M%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")
    return Identity(destination.name, version, created, data_file.name, content_digest(data_file), destination.title)
