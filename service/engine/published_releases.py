"""The releases that the service may load: where they are, and who has to have signed them."""

from dataclasses import dataclass
from pathlib import Path

import torch

from forecasting.errors import RequestError
from forecasting.networks.device import choose_device
from forecasting.releases.registry import LoadedRelease, LoadedUniversal, Registry, load_release
from forecasting.releases.release import current_versions, open_current, traces
from forecasting.releases.trusted_keys import FIELD, TrustedKeys
from service.engine.worker_bus import WorkerBus
from service.settings import Settings

ReleaseState = tuple[str, tuple[tuple[str, int, int, int], ...]]
"""The current version, and what is known of its files without reading them."""


@dataclass(frozen=True)
class PublishedReleases:
    """The releases that the service may load.

    Attributes:
        folder: that holds the releases.
        trusted: keys that must have signed each release; None if releases need no signature.
    """

    folder: Path
    trusted: TrustedKeys | None = None

    @classmethod
    def of(cls, settings: Settings) -> "PublishedReleases":
        """Return the releases that ``settings`` name.

        Raises:
            RequestError: if a trusted key cannot be used.
        """
        try:
            return cls(settings.artifacts, TrustedKeys.named(settings.trusted_keys))
        except RequestError as error:
            raise RequestError(f"invalid setting SST_TRUSTED_KEYS: {error}", field=FIELD) from None

    def load(self, dataset: str, device: torch.device) -> LoadedRelease | LoadedUniversal:
        """Verify and load the current release of a dataset.

        Raises:
            UnknownNameError: if none is published.
            ReleaseError: if it cannot be used, or no trusted key signed it.
        """
        return load_release(open_current(self.folder, dataset, self.trusted), device)

    def states(self) -> dict[str, ReleaseState]:
        """Return the current version and the state of its files, by dataset.

        Raises:
            ReleaseError: if the folder cannot be read.
        """
        return {
            dataset: (version, traces(self.folder / dataset, version))
            for dataset, version in current_versions(self.folder).items()
        }


def open_registry(settings: Settings, bus: WorkerBus | None = None) -> Registry:
    """Load the releases that ``settings`` name, or what the workers on ``bus`` serve if those are unusable.

    Raises:
        ForecastError: if the device does not exist, a trusted key cannot be used, or a release is unusable.
    """
    # A second thread slows down networks this small, and their warm-up by seconds if the cores are busy.
    torch.set_num_threads(1)
    serving = bus.serving() if bus else {}
    releases, device = PublishedReleases.of(settings), choose_device(settings.device)
    return Registry.open(releases.folder, device, settings.default_dataset, serving, releases.trusted)
