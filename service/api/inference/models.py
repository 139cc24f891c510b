"""The networks as the protocol serves them: tensors in, tensors out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.errors import UnknownNameError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.loaded_universal import LoadedUniversal
from forecasting.releases.registry import ALL, BEST
from forecasting.universal.network.metadata import UniversalMetadata
from forecasting.wording import counted
from service.api.inference.tensors import (
    FORECAST,
    Array,
    TensorSpec,
    input_specs,
    malformed,
    universal_input_specs,
    universal_output_specs,
)
from service.engine.serving import Serving
from service.telemetry.statistics import ModelStatistics

_CELSIUS: Final = "celsius"


@dataclass(frozen=True)
class InferenceModel(ABC):
    """A network that the protocol serves.

    Attributes:
        name: full name.
        version: of its release.
        inputs: tensors that it takes.
        outputs: tensors that it returns.
        parameters: what its configuration says besides.
        statistics: of this process.
    """

    name: str
    version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: dict[str, str]
    statistics: ModelStatistics

    @abstractmethod
    async def infer(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return the outputs by name, from the inputs in their order.

        Raises:
            ProblemError: 400 if the network cannot forecast from a row.
        """


@dataclass(frozen=True)
class PlaceModel(InferenceModel):
    """A network of a place: from a window without gaps to the SST one step ahead."""

    serving: Serving
    forecaster: Forecaster

    @classmethod
    def of(cls, serving: Serving, forecaster: Forecaster) -> "PlaceModel":
        """Describe ``forecaster``."""
        metadata = forecaster.metadata
        parameters = {
            "dataset": metadata.dataset,
            "cell": metadata.cell,
            "step": metadata.step,
            "units": metadata.units,
        }
        statistics = serving.runner(forecaster).statistics
        inputs = input_specs(metadata.window)
        return cls(metadata.model, metadata.version, inputs, (FORECAST,), parameters, statistics, serving, forecaster)

    async def infer(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return ``forecast``."""
        sst, valid_time = arrays
        if not len(sst):
            return {FORECAST.name: np.empty(0, np.float32)}
        return {FORECAST.name: await self.serving.runner(self.forecaster).infer(sst, valid_time)}


@dataclass(frozen=True)
class UniversalModel(InferenceModel):
    """A universal network: from a window in which NaN means missing to the SST at all leads, and its quantiles."""

    serving: Serving
    loaded: LoadedUniversal
    cell: str

    @classmethod
    def of(cls, serving: Serving, loaded: LoadedUniversal, cell: str) -> "UniversalModel":
        """Describe the network ``cell`` of ``loaded``."""
        network = loaded.networks.networks[cell]
        metadata = network.metadata
        parameters = {
            "dataset": metadata.dataset,
            "cell": metadata.cell,
            "step": metadata.step,
            "units": _CELSIUS,
            "horizon": str(metadata.horizon),
            "minimum": str(metadata.minimum),
            "levels": ",".join(f"{level:g}" for level in metadata.levels),
        }
        statistics = serving.universal_runner(network).statistics
        inputs = universal_input_specs(metadata.window)
        outputs = universal_output_specs(metadata.horizon, len(metadata.levels))
        return cls(metadata.model, metadata.version, inputs, outputs, parameters, statistics, serving, loaded, cell)

    async def infer(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return ``forecast`` and ``quantiles``."""
        sst, valid_time, latitude, longitude = arrays
        network = self.loaded.networks.networks[self.cell]
        if not len(sst):
            return {spec.name: np.empty((0, *spec.shape[1:]), np.float32) for spec in self.outputs}
        _check_rows(sst, network.metadata)
        halves = np.flatnonzero(np.isnan(latitude) != np.isnan(longitude))
        if len(halves):
            raise malformed(f"row {halves[0]} has half of a position: give both latitude and longitude, or neither")
        runner = self.serving.universal_runner(network)
        answer = await runner.infer(sst.astype(np.float64), valid_time, latitude, longitude)
        forecast, quantiles = (spec.name for spec in self.outputs)
        return {forecast: answer[:, 0, 0], quantiles: answer[:, :, 1:]}


def find_model(serving: Serving, model: str, version: str | None = None, dataset: str | None = None) -> InferenceModel:
    """Return the network that a path names, within ``dataset``.

    Raises:
        UnknownNameError: if no model has this name, or another version of it is loaded.
        RequestError: if a full name contradicts ``dataset``.
    """
    if model == ALL:
        raise UnknownNameError("'all' is not a single model; POST /v2/repository/index lists the models")
    universal = serving.registry.find_universal(model, dataset)
    loaded_model: InferenceModel
    if universal is not None:
        loaded, cell = universal
        loaded_model = UniversalModel.of(serving, loaded, loaded.best if cell == BEST else cell)
    else:
        (forecaster,) = serving.resolve(model, dataset)
        loaded_model = PlaceModel.of(serving, forecaster)
    if version not in (None, loaded_model.version):
        raise UnknownNameError(f"{loaded_model.name} has no version {version[:64]!r}: {loaded_model.version} is loaded")
    return loaded_model


def all_models(serving: Serving) -> list[InferenceModel]:
    """Return every network that is loaded."""
    places = [PlaceModel.of(serving, forecaster) for forecaster in serving.registry.models]
    universal = [
        UniversalModel.of(serving, loaded, cell)
        for loaded in serving.registry.universal.by_dataset.values()
        for cell in loaded.cells
    ]
    return [*places, *universal]


def _check_rows(sst: Array, metadata: UniversalMetadata) -> None:
    """Raise ProblemError (400) if a window ends in a missing value, or has too few values."""
    observed = np.isfinite(sst)
    late = np.flatnonzero(~observed[:, -1])
    if len(late):
        raise malformed(
            f"sst[{late[0]}] ends in a missing value: end the window at its last observed value, and pad its beginning "
            "with NaN"
        )
    count = observed.sum(axis=1)
    few = np.flatnonzero(count < metadata.minimum)
    if len(few):
        raise malformed(
            f"sst[{few[0]}] has {counted(int(count[few[0]]), 'value')}: {metadata.model} needs at least "
            f"{metadata.minimum} that are not NaN"
        )
