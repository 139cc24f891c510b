"""The networks as the protocol serves them: tensors in, tensors out."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.errors import UnknownNameError
from forecasting.models.base import ALL, BEST
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.models.universal.network import UniversalForecaster
from forecasting.releases.release import Release
from forecasting.wording import counted
from service.engine.serving import Serving
from service.plugins.inference.tensors import (
    FORECAST,
    Array,
    TensorSpec,
    input_specs,
    malformed,
    universal_input_specs,
    universal_output_specs,
)
from service.telemetry.batch_metrics import NetworkStatistics

_CELSIUS: Final = "celsius"


@dataclass(frozen=True)
class InferenceModel:
    """A network as the protocol serves it."""

    name: str
    version: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: dict[str, str]
    statistics: NetworkStatistics
    run: Callable[..., Awaitable[tuple[Array, ...]]]

    async def infer(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return the outputs by name, from the inputs in their order."""
        if not len(arrays[0]):
            return {spec.name: np.empty((0, *spec.shape[1:]), spec.dtype) for spec in self.outputs}
        outputs = await self.run(*arrays)
        return {spec.name: output for spec, output in zip(self.outputs, outputs, strict=True)}


def find_model(serving: Serving, model: str, version: str | None = None, dataset: str | None = None) -> InferenceModel:
    """Return the network that a path names, within ``dataset``."""
    if model == ALL:
        raise UnknownNameError("'all' is not a single model; POST /v2/repository/index lists the models")
    release, name = serving.catalog.find(model, dataset)
    cell = release.best if name == BEST else name
    found = _model_of(serving, release, cell)
    if version not in (None, found.version):
        raise UnknownNameError(f"{found.name} has no version {version[:64]!r}: {found.version} is loaded")
    return found


def all_models(serving: Serving) -> list[InferenceModel]:
    """Return every network that is loaded."""
    releases = serving.catalog.releases.values()
    return [_model_of(serving, release, cell) for release in releases for cell in release.cells]


def _model_of(serving: Serving, release: Release, cell: str) -> InferenceModel:
    network = release.networks[cell]
    if isinstance(network, UniversalForecaster):
        return _universal_model(serving, network)
    return _place_model(serving, network)


def _place_model(serving: Serving, forecaster: Forecaster) -> InferenceModel:
    """Describe a network of a place: from a window without gaps to the SST one step ahead."""
    metadata, runner = forecaster.metadata, serving.runner(forecaster)

    async def run(sst: Array, valid_time: Array) -> tuple[Array]:
        return (await runner.infer(sst, valid_time),)

    parameters = {name: getattr(metadata, name) for name in ("dataset", "cell", "step", "units")}
    inputs, outputs = input_specs(metadata.window), (FORECAST,)
    return InferenceModel(metadata.model, metadata.version, inputs, outputs, parameters, runner.statistics, run)


def _universal_model(serving: Serving, network: UniversalForecaster) -> InferenceModel:
    """Describe a universal network: from a window with gaps (NaN) to the SST at all leads, and its quantiles."""
    metadata, runner = network.metadata, serving.universal_runner(network)

    async def run(sst: Array, valid_time: Array, latitude: Array, longitude: Array) -> tuple[Array, Array]:
        _check_rows(sst, latitude, longitude, metadata)
        quantiles = await runner.infer(sst.astype(np.float64), valid_time, latitude, longitude)
        return quantiles[:, 0, 0], quantiles[:, :, 1:]

    parameters = {
        "dataset": metadata.dataset,
        "cell": metadata.cell,
        "step": metadata.step,
        "units": _CELSIUS,
        "horizon": str(metadata.horizon),
        "minimum": str(metadata.minimum),
        "levels": ",".join(f"{level:g}" for level in metadata.levels),
    }
    inputs = universal_input_specs(metadata.window)
    outputs = universal_output_specs(metadata.horizon, len(metadata.levels))
    return InferenceModel(metadata.model, metadata.version, inputs, outputs, parameters, runner.statistics, run)


def _check_rows(sst: Array, latitude: Array, longitude: Array, metadata: UniversalMetadata) -> None:
    """Raise ProblemError (400) if a window ends in a missing value or has too few, or a position is incomplete."""
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
    halves = np.flatnonzero(np.isnan(latitude) != np.isnan(longitude))
    if len(halves):
        raise malformed(f"row {halves[0]} has half of a position: give both latitude and longitude, or neither")
