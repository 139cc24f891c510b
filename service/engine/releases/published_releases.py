"""The releases that the service may load: where they are, and who has to have signed them."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from forecasting.errors import ReleaseError, RequestError
from forecasting.models.checkpoint import choose_device
from forecasting.releases.catalog import Catalog
from forecasting.releases.release import Release, current_versions, open_current, refuse_if_older, traces
from forecasting.releases.remote.mirror import Mirror, default_cache
from forecasting.releases.trust import FIELD, TrustedKeys
from service.engine.releases.worker_bus import WorkerBus
from service.settings import Settings

logger = logging.getLogger("service")

ReleaseState = tuple[str, tuple[tuple[str, int, int, int], ...]]
"""The current version, and what is known of its files without reading them."""


@dataclass(frozen=True)
class PublishedReleases:
    """The releases that the service may load."""

    folder: Path
    trusted: TrustedKeys | None
    mirror: Mirror | None
    seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "PublishedReleases":
        """Return the releases that ``settings`` name. Nothing is copied yet."""
        try:
            trusted = TrustedKeys.named(settings.trusted_keys)
        except RequestError as error:
            raise RequestError(f"invalid setting SST_TRUSTED_KEYS: {error}", field=FIELD) from None
        if isinstance(settings.artifacts, Path):
            return cls(settings.artifacts, trusted, None, settings.reload_seconds)
        mirror = Mirror(settings.artifacts, settings.artifacts_cache or default_cache(), trusted)
        return cls(mirror.folder, trusted, mirror, settings.reload_seconds)

    @property
    def place(self) -> str:
        """Where releases are published: a path or a URL."""
        return str(self.folder) if self.mirror is None else self.mirror.url

    def refresh(self, *, now: bool = False) -> None:
        """Bring the local copy, if there is one, up to date."""
        if self.mirror is not None:
            # Half the time between checks, so that processes share copies and none of them skips every other check.
            self.mirror.refresh(0.0 if now else self.seconds / 2, wait=now)

    def prepare(self, *, alone: bool) -> None:
        """Bring the local copy, if there is one, up to date before the service starts."""
        if self.mirror is None:
            return
        try:
            self.mirror.refresh(0.0 if alone else self.seconds, wait=True)
        except ReleaseError as error:
            if self.mirror.is_empty:
                raise
            logger.warning("serving the releases that were copied before: %s", error)

    def load(self, dataset: str, device: torch.device, loaded: Release | None = None) -> Release:
        """Verify and load the current release of a dataset, in place of the one that is ``loaded``."""
        release = open_current(self.folder, dataset, self.trusted, device)
        if self.trusted is not None and loaded is not None:
            # Its folder may have been removed since.
            refuse_if_older(release.path, release.number, [loaded])
        return release.load()

    def states(self) -> dict[str, ReleaseState]:
        """Return the current version and the state of its files, by dataset."""
        return {
            dataset: (version, traces(self.folder / dataset, version))
            for dataset, version in current_versions(self.folder).items()
        }


def open_catalog(settings: Settings, bus: WorkerBus | None = None) -> Catalog:
    """Load the releases that ``settings`` name, or what the workers on ``bus`` serve if those are unusable."""
    # A second thread slows down networks this small, and their warm-up by seconds if the cores are busy.
    torch.set_num_threads(1)
    serving = bus.serving() if bus else {}
    releases, device = PublishedReleases.of(settings), choose_device(settings.device)
    releases.prepare(alone=bus is None)
    return Catalog.open(releases.folder, device, settings.default_dataset, serving, releases.trusted)
