"""Releases loaded from the artifacts folder, found by name."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch

from forecasting.bundled import default_artifacts
from forecasting.errors import ForecastError, ReleaseError, RequestError, UnknownNameError
from forecasting.models.base import ALL, BEST
from forecasting.models.checkpoint import choose_device
from forecasting.models.metadata import CELLS
from forecasting.models.place.forecaster import Forecaster
from forecasting.references.baselines import BASELINES
from forecasting.releases.loaded import LoadedRelease, LoadedUniversal, load_cell
from forecasting.releases.release import Release, dataset_names, open_current, universal_names
from forecasting.releases.selection import Selection
from forecasting.releases.trust import TrustedKeys
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.wording import available

__all__ = ["LoadedRelease", "LoadedUniversal", "Registry", "load_forecaster", "load_release"]


def load_forecaster(
    model: str, artifacts: Path | str | None = None, device: str = "cpu", trusted: TrustedKeys | None = None
) -> Forecaster:
    """Load the network ``<dataset>-<cell>`` from an artifacts folder, as notebooks do.

    Args:
        model: full name of the network.
        artifacts: folder with the releases; None for ``artifacts`` in the working folder or, if there is none, the
            bundled releases.
        device: that the network runs on.
        trusted: keys that must have signed the release; None to load any release.

    Raises:
        UnknownNameError: if there is no such model.
        ReleaseError: if its release cannot be used, or no trusted key signed it.
    """
    dataset, _, cell = model.rpartition("-")
    if not dataset:
        raise UnknownNameError(f"{model!r} names no network: write its dataset and its cell, as in nino12-gru")
    release = open_current(Path(artifacts or default_artifacts()), dataset, trusted)
    if release.is_universal:
        raise UnknownNameError(f"{model} is a network of the universal release {dataset}: open it with load_universal")
    if f"{cell}.pt" not in release.manifest.files:
        models = (f"{dataset}-{other}" for other in release.cells)
        raise UnknownNameError(f"no model {model!r}; {available(models)}")
    return load_cell(release, cell, release.read(f"{cell}.pt"), choose_device(device))


class Registry:
    """The loaded releases, by dataset.

    Attributes:
        releases: of places, by dataset.
        default_dataset: used where no dataset is named.
        universal: releases that forecast any series at their step.
        models: all loaded networks of places.
    """

    def __init__(
        self,
        releases: Mapping[str, LoadedRelease],
        default_dataset: str,
        universal: Mapping[str, LoadedUniversal] | None = None,
    ) -> None:
        self.releases = releases
        self.default_dataset = default_dataset
        self.universal = UniversalCatalog(universal or {})
        self.models = [forecaster for release in releases.values() for forecaster in release.forecasters.values()]
        self._by_name = {forecaster.metadata.model: forecaster for forecaster in self.models}

    @classmethod
    def open(
        cls,
        artifacts: Path,
        device: torch.device,
        default_dataset: str,
        serving: Mapping[str, str] | None = None,
        trusted: TrustedKeys | None = None,
    ) -> "Registry":
        """Load the current release of every dataset in ``artifacts``.

        Args:
            artifacts: folder with the releases.
            device: that the networks run on.
            default_dataset: used where no dataset is named.
            serving: versions that other processes serve, by dataset; loaded where the current release of a dataset is
                missing or cannot be used.
            trusted: keys that must have signed each release; None to load any release.

        Raises:
            ReleaseError: if a release cannot be used, no trusted key signed it, or the default dataset has no release.
        """
        serving = serving or {}
        names = sorted({*dataset_names(artifacts), *serving})
        places = [name for name in names if name not in universal_names(artifacts)]
        if default_dataset not in places:
            raise ReleaseError(
                f"{artifacts} has no release of the default dataset {default_dataset!r}; {available(places)}; train "
                "one with python -m training"
            )
        registry = cls({}, default_dataset)
        for name in names:
            registry = registry.with_release(_load_current(artifacts, name, device, serving.get(name), trusted))
        return registry

    @property
    def model_names(self) -> list[str]:
        """Full names of all loaded networks."""
        return [*self._by_name, *self.universal.models]

    @property
    def loaded(self) -> dict[str, Release]:
        """The loaded release of each dataset."""
        loaded: list[LoadedRelease | LoadedUniversal] = [*self.releases.values(), *self.universal.by_dataset.values()]
        return {entry.release.dataset: entry.release for entry in loaded}

    @property
    def versions(self) -> dict[str, str]:
        """The loaded version of each dataset."""
        return {dataset: release.version for dataset, release in self.loaded.items()}

    def with_release(self, release: LoadedRelease | LoadedUniversal) -> "Registry":
        """Return a registry in which ``release`` replaces the release of its dataset, if any."""
        name = release.release.dataset
        places = {other: loaded for other, loaded in self.releases.items() if other != name}
        universal = {other: loaded for other, loaded in self.universal.by_dataset.items() if other != name}
        if isinstance(release, LoadedUniversal):
            universal[name] = release
        else:
            places[name] = release
        return Registry(places, self.default_dataset, universal)

    def without(self, models: Collection[str]) -> "Registry":
        """Return a registry without the networks of these full names."""
        if not models:
            return self
        releases = {name: release.without(models) for name, release in self.releases.items()}
        universal = {name: loaded.without(models) for name, loaded in self.universal.by_dataset.items()}
        return Registry(releases, self.default_dataset, universal)

    def dataset(self, name: str | None) -> LoadedRelease:
        """Return the release of a dataset; of the default dataset if None.

        Raises:
            UnknownNameError: if the dataset is not loaded.
            RequestError: if its release is universal.
        """
        name = name or self.default_dataset
        if name in self.universal.by_dataset:
            raise _belongs_to_no_place(name, "dataset")
        if name not in self.releases:
            raise UnknownNameError(f"no dataset {name[:64]!r}; {available(self.versions)}")
        return self.releases[name]

    def find_universal(self, model: str, dataset: str | None) -> tuple[LoadedUniversal, str] | None:
        """Return the universal release that a name means, and its cell, ``best`` or ``all``; None if it means a place.

        Raises:
            RequestError: if a full name contradicts ``dataset``.
            UnknownNameError: if the release has no such network.
        """
        if dataset in self.universal.by_dataset and model in self._by_name:
            self._resolve_full_name(model, dataset)
        return self.universal.find(model, dataset or None)

    def select(self, model: str, dataset: str | None) -> Selection:
        """Return the models that ``model`` means within ``dataset``, for series of the caller.

        Without a dataset or a full name, the step of each series chooses the release.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        steps = {name: loaded.step for name, loaded in self.releases.items()}
        universal = self.find_universal(model, dataset)
        if universal is not None:
            loaded, name = universal
            return Selection(name, loaded, loaded.select(name), self.universal, steps)
        if not dataset and model in (BEST, ALL, *CELLS):
            return Selection(model, None, (), self.universal, steps)
        release, networks = self.resolve(model, dataset)
        name = networks[0].metadata.cell if model in self._by_name else model
        return Selection(name, release, networks, self.universal, steps)

    def resolve(self, model: str, dataset: str | None = None) -> tuple[LoadedRelease, list[Forecaster]]:
        """Return the release and networks that ``model`` means: ``best``, ``all``, a cell, or a full name.

        Args:
            model: the name.
            dataset: that the name is looked up in; the default dataset if None.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``, or means a universal network.
        """
        if model in self._by_name:
            return self._resolve_full_name(model, dataset)
        if self.find_universal(model, None) is not None:
            raise _belongs_to_no_place(model, "model")
        release = self.dataset(dataset)
        chosen = release.select(model)
        if not chosen:
            raise self._unknown_model(model, release)
        return release, chosen

    def _resolve_full_name(self, model: str, dataset: str | None) -> tuple[LoadedRelease, list[Forecaster]]:
        forecaster = self._by_name[model]
        owner = forecaster.metadata.dataset
        if dataset not in (None, owner):
            if dataset not in self.universal.by_dataset:
                self.dataset(dataset)
            raise RequestError(f"model {model} belongs to dataset {owner}, not {dataset}", field="model")
        return self.releases[owner], [forecaster]

    def _unknown_model(self, model: str, release: LoadedRelease) -> UnknownNameError:
        if not release.forecasters:
            others = available(self.model_names) if self.model_names else "no other dataset has one loaded"
            return UnknownNameError(f"all models of {release.release.dataset} are unloaded: load one again; {others}")
        return unknown_model(model, [BEST, ALL, *release.release.cells, *self.model_names])


def unknown_model(model: str, choices: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that no model has, with the ``choices``."""
    hint = f": {model} is included in each forecast, under baselines" if model in BASELINES else ""
    return UnknownNameError(f"no model {model[:64]!r}{hint}; {available(choices)}")


def load_release(release: Release, device: torch.device) -> LoadedRelease | LoadedUniversal:
    """Verify a release, and load its networks, of a place or universal.

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    return LoadedUniversal.load(release, device) if release.is_universal else LoadedRelease.load(release, device)


def _belongs_to_no_place(name: str, field: str) -> RequestError:
    return RequestError(
        f"{name} forecasts any sea, so it has no series, test part or plot of its own: send your series to POST "
        "/forecast or POST /compare; GET /compare shows how its networks did on held-out seas",
        field=field,
    )


def _load_current(
    artifacts: Path, dataset: str, device: torch.device, fallback: str | None, trusted: TrustedKeys | None
) -> LoadedRelease | LoadedUniversal:
    """Load the current release of a dataset; if that fails, its version ``fallback``, if given."""
    try:
        return load_release(open_current(artifacts, dataset, trusted), device)
    except ForecastError as error:
        if fallback is None:
            raise
        try:
            return load_release(Release.open(artifacts / dataset / fallback, trusted), device)
        except ForecastError:
            # The user has to repair the current release, not the fallback.
            raise error from None
