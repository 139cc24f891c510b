"""A published release and what its files say of its networks, which load on first use. Imports no torch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from forecasting.errors import ReleaseError
from forecasting.evaluation.report import parse_report
from forecasting.models.metadata import CheckpointMetadata, parse_metadata
from forecasting.models.universal.metadata import UniversalMetadata, parse_universal_metadata
from forecasting.releases.release import Release, open_current, universal_names
from forecasting.releases.trust import TrustedKeys
from forecasting.series.timestep import TimeStep, in_words

if TYPE_CHECKING:
    import torch

    from forecasting.releases.loaded import Loaded, LoadedRelease, LoadedUniversal

LoadedT = TypeVar("LoadedT", "LoadedRelease", "LoadedUniversal")
LoadedCo = TypeVar("LoadedCo", bound="Loaded", covariant=True)


class Entry(Protocol[LoadedCo]):
    """A release in a catalog, on disk or loaded."""

    @property
    def dataset(self) -> str:
        """Name of the dataset."""

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve."""

    @property
    def step(self) -> TimeStep:
        """Step of the series that the networks forecast."""

    @property
    def horizon(self) -> int:
        """Number of leads."""

    @property
    def loaded(self) -> LoadedCo:
        """The release in memory."""


EntryT = TypeVar("EntryT", bound=Entry[Any])


def by_step(entries: Iterable[EntryT]) -> dict[TimeStep, EntryT]:
    """Return universal releases by their step."""
    found: dict[TimeStep, EntryT] = {}
    for entry in entries:
        if other := found.get(entry.step):
            words = in_words(str(entry.step))
            raise ReleaseError(f"{other.dataset} and {entry.dataset} both forecast steps of {words}: remove one")
        found[entry.step] = entry
    return found


@dataclass(frozen=True, eq=False)
class OnDisk(Generic[LoadedT]):
    """A release in an artifacts folder, opened and verified on first use. Pickling opens it, and keeps its manifest."""

    dataset: str
    open: Callable[[], Release]
    device: "torch.device | str"

    def __getstate__(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "device": self.device, "open": None, "release": self.release}

    @cached_property
    def release(self) -> Release:
        """The release; errors of opening it are raised here."""
        return self.open()

    @property
    def version(self) -> str:
        """Version of the release."""
        return self.release.version

    @property
    def is_universal(self) -> bool:
        """Whether the networks forecast any series."""
        return self.release.is_universal

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks."""
        return self.release.cells

    @cached_property
    def place_metadata(self) -> dict[str, CheckpointMetadata]:
        """What the networks of a place say of themselves, by cell."""
        return {cell: parse_metadata(self.release.read(f"{cell}.json")) for cell in self.cells}

    @cached_property
    def universal_metadata(self) -> dict[str, UniversalMetadata]:
        """What universal networks say of themselves, by cell; they share step, horizon and contexts."""
        return {cell: parse_universal_metadata(self.release.read(f"{cell}.json")) for cell in self.cells}

    @property
    def metadata(self) -> CheckpointMetadata | UniversalMetadata:
        """What the first network says of itself."""
        known = self.universal_metadata if self.is_universal else self.place_metadata
        return known[self.cells[0]]

    @property
    def step(self) -> TimeStep:
        """Step of the series that the networks forecast."""
        return self.metadata.time_step

    @property
    def horizon(self) -> int:
        """Number of leads."""
        return self.metadata.horizon

    @cached_property
    def best(self) -> str:
        """Cell of the network that did best: on held-out seas, or on the validation part of a place."""
        if self.is_universal:
            return min(self.cells, key=lambda cell: self.universal_metadata[cell].held_out_score)
        return parse_report(self.release.read("report.json")).best.name

    @cached_property
    def loaded(self) -> LoadedT:
        """The release in memory."""
        from forecasting.models.checkpoint import choose_device
        from forecasting.releases.loaded import load_release

        device = choose_device(self.device) if isinstance(self.device, str) else self.device
        return cast("LoadedT", load_release(self.release, device))


def on_disk(
    artifacts: Path, dataset: str, device: "torch.device | str" = "cpu", trusted: TrustedKeys | None = None
) -> OnDisk[Any]:
    """Return the current release of a dataset, unopened."""
    return OnDisk(dataset, partial(open_current, artifacts, dataset, trusted), device)


def universal_releases(
    artifacts: Path, device: "torch.device | str" = "cpu", trusted: TrustedKeys | None = None
) -> "list[OnDisk[LoadedUniversal]]":
    """Return the universal releases in a folder, shortest step first."""
    releases = [on_disk(artifacts, name, device, trusted) for name in universal_names(artifacts)]
    return list(by_step(sorted(releases, key=lambda release: release.step.seconds)).values())
