"""A universal release in memory: its networks forecast series from places that they have never seen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch

from forecasting.errors import ForecastError, ReleaseError, RequestError, UnknownNameError
from forecasting.networks.metadata import CELLS
from forecasting.releases.release import Release
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.release import BEST, UniversalRelease
from forecasting.wording import available

ALL: Final = "all"


@dataclass(frozen=True)
class LoadedUniversal:
    """A verified universal release in memory.

    Attributes:
        release: on disk.
        networks: the release, ready to forecast.
        device: that the networks run on.
        cells: those of its networks that serve, in the order of :data:`~forecasting.networks.metadata.CELLS`.
        digests: sha256 of each checkpoint, by cell.
        card: ``MODEL_CARD.md``; None if the release has none.
    """

    release: Release
    networks: UniversalRelease
    device: torch.device
    cells: tuple[str, ...]
    digests: Mapping[str, str]
    card: bytes | None

    @classmethod
    def load(cls, release: Release, device: torch.device) -> "LoadedUniversal":
        """Load the networks of ``release``, and verify its other files.

        Raises:
            ReleaseError: if a file is missing, altered or invalid.
        """
        others = {name: release.read(name) for name in release.manifest.files if not name.endswith(".pt")}
        try:
            networks = UniversalRelease.open(release, device)
        except ReleaseError:
            raise
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        digests = {cell: release.manifest.files[f"{cell}.pt"].sha256 for cell in networks.networks}
        return cls(release, networks, device, tuple(networks.networks), digests, others.get("MODEL_CARD.md"))

    @property
    def dataset(self) -> str:
        """Name of the dataset, such as ``ocean-daily``."""
        return self.release.dataset

    @property
    def step(self) -> TimeStep:
        """The step of the series that the networks forecast."""
        return self.networks.step

    @property
    def best(self) -> str:
        """The cell of the network that did best on held-out seas."""
        return self.networks.best_on_held_out

    @property
    def models(self) -> list[str]:
        """Full names of the networks that serve."""
        return [f"{self.dataset}-{cell}" for cell in self.cells]

    def without(self, models: Collection[str]) -> "LoadedUniversal":
        """Return the release without the networks of these full names."""
        kept = tuple(cell for cell in self.cells if f"{self.dataset}-{cell}" not in models)
        networks = self.networks.without([cell for cell in self.cells if cell not in kept])
        # Networks that are all unloaded stay, for what the release says of itself.
        return replace(self, networks=networks or self.networks, cells=kept)

    def select(self, model: str) -> tuple[str, ...]:
        """Return what ``best``, ``all`` or the name of a cell means: ``best`` itself, or cells.

        Raises:
            UnknownNameError: if no such network serves.
        """
        chosen = self.cells if model == ALL or (self.cells and model == BEST) else (model,)
        if not self.cells:
            raise UnknownNameError(f"all models of {self.dataset} are unloaded: load one again")
        if model == BEST:
            return (BEST,)
        if not set(chosen) <= set(self.cells):
            raise UnknownNameError(f"no model {model[:64]!r}; {available([BEST, ALL, *CELLS, *self.models])}")
        return chosen


class UniversalCatalog:
    """The loaded universal releases.

    Attributes:
        by_dataset: by name.
    """

    def __init__(self, by_dataset: Mapping[str, LoadedUniversal]) -> None:
        self.by_dataset = by_dataset
        self._by_step = {loaded.step: loaded for loaded in by_dataset.values() if loaded.cells}

    @property
    def models(self) -> list[str]:
        """Full names of all networks that serve."""
        return [model for loaded in self.by_dataset.values() for model in loaded.models]

    def at(self, step: TimeStep) -> LoadedUniversal | None:
        """Return the release for series at ``step``; None if there is none."""
        return self._by_step.get(step)

    def steps(self) -> str:
        """Return the steps that are served, for a sentence: ``one day (ocean-daily)``."""
        served = sorted(self._by_step.values(), key=lambda loaded: loaded.step.seconds)
        return ", ".join(f"{in_words(str(loaded.step))} ({loaded.dataset})" for loaded in served)

    def find(self, model: str, dataset: str | None) -> tuple[LoadedUniversal, str] | None:
        """Return the release and the cell, ``best`` or ``all`` that a name means; None if it is not universal.

        Raises:
            RequestError: if a full name contradicts ``dataset``.
            UnknownNameError: if the release has no such network.
        """
        for name, loaded in self.by_dataset.items():
            cell = model.removeprefix(f"{name}-")
            if model in loaded.models:
                if dataset not in (None, name):
                    raise RequestError(f"model {model} belongs to dataset {name}, not {dataset}", field="model")
                return loaded, cell
            if dataset == name:
                loaded.select(model)
                return loaded, model
        return None
