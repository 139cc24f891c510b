"""A loaded universal network, and what the networks of a release compute once for all of them."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import ReleaseError
from forecasting.models.checkpoint import check_attributes, choose_device, compiling, load_module, save_module
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CELLS, digest
from forecasting.models.universal.metadata import UniversalMetadata, parse_universal_metadata
from forecasting.series.times import Floats

_TYPICAL_CELSIUS = 15.0


def save(module: torch.jit.ScriptModule, metadata: UniversalMetadata, path: Path) -> None:
    """Write ``module`` to ``path``, with ``metadata`` inside."""
    save_module(module, metadata.model_dump_json(), path)


Steps = npt.NDArray[np.int64]

_PASS_VALUES = 16_000
_LARGEST_PASS = 128
"""Values and series of one pass on a CPU; with more, intermediate results no longer fit into the caches."""

_PASS_ON_GPU = 4_096

_PROFILED_CALLS = 3
"""On a GPU, TorchScript specialises and optimises a method during its first calls."""


class UniversalForecaster:
    """A loaded universal network on a device. Safe to call from several threads.

    Its methods ``prepare``, of all parts before the cell, and ``answer``, of the cell and what follows, compute a
    forecast. Networks with equal weights before their cells share one module that prepares: TorchScript compiles for
    each module anew, which takes time and memory.

    Pickling keeps the path and sha256 of ``file``, which the checkpoint was loaded from. Unpickling loads that file
    again, and raises ReleaseError if it has changed. A forecaster without a file cannot be pickled.
    """

    def __init__(
        self,
        module: torch.jit.ScriptModule,
        metadata: UniversalMetadata,
        device: torch.device,
        file: CheckpointFile | None = None,
        beside: Sequence["UniversalForecaster"] = (),
    ) -> None:
        self.module = module
        self.metadata = metadata
        self.device = device
        self.file = file
        self.step = metadata.time_step
        self.preparing: torch.jit.ScriptModule = next(
            (other.preparing for other in beside if _equal(other.preparing, module)), module
        )

    def __reduce__(self) -> tuple[Callable[[CheckpointFile, str], "UniversalForecaster"], tuple[CheckpointFile, str]]:
        if self.file is None:
            raise pickle.PicklingError(
                "cannot pickle a UniversalForecaster made from a module in memory: save its checkpoint, and load that "
                "with load_universal"
            )
        return _reopen, (self.file, str(self.device))

    def pass_size(self, length: int) -> int:
        """Return how many series of ``length`` values to forecast at once without a record."""
        if self.device.type != "cpu":
            return _PASS_ON_GPU
        return min(max(_PASS_VALUES // length, 1), _LARGEST_PASS)

    def predict(self, values: Floats, last_time: Floats, coefficients: Coefficients) -> Floats:
        """Forecast all leads after the last step of each series.

        Args:
            values: °C, ``(n, steps)``, NaN where missing; the last value must not be missing.
            last_time: Unix seconds of the last step, ``(n,)``.
            coefficients: climatology, °C, ``(n, 7)``; NaN where it is not known.

        Returns:
            The mean, then the quantiles, °C, ``(n, horizon, 1 + levels)``.
        """
        last = np.array([values.shape[1] - 1], dtype=np.int64)
        return self.backtest(values, last_time, coefficients, last)[:, 0]

    def backtest(self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps) -> Floats:
        """Forecast all leads from several steps of each series, seeing nothing that came after each.

        Args:
            values: as in :meth:`predict`.
            last_time: as in :meth:`predict`.
            coefficients: as in :meth:`predict`.
            origins: steps of ``values`` to forecast from, increasing, ``(origins,)``.

        Returns:
            The mean, then the quantiles, °C, ``(n, origins, horizon, 1 + levels)``.
        """
        with torch.inference_mode():
            return self.answer(self.prepare(values, last_time, coefficients, origins))

    def prepare(
        self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps
    ) -> list[torch.Tensor]:
        """Compute what :meth:`answer` needs, from the arguments of :meth:`backtest`."""
        sst = torch.from_numpy(values.astype(np.float32))
        arguments = (sst, *map(torch.from_numpy, (last_time, coefficients, origins)))
        prepared: list[torch.Tensor] = self.preparing.prepare(*(argument.to(self.device) for argument in arguments))
        return prepared

    def answer(self, prepared: list[torch.Tensor]) -> Floats:
        """Return what :meth:`backtest` returns."""
        answer: torch.Tensor = self.module.answer(prepared)
        return answer.cpu().numpy().astype(np.float64)

    def check_contract(self) -> None:
        """Run the network on two short series.

        Raises:
            ReleaseError: if it fails, or does not return quantiles.
        """
        metadata, steps = self.metadata, self.metadata.minimum
        waves = np.sin(np.arange(2 * steps, dtype=np.float64)).reshape(2, steps)
        nowhere = np.full((2, COEFFICIENTS), np.nan, dtype=np.float32)
        try:
            with torch.inference_mode(), compiling(self.device):
                prepared = self.prepare(_TYPICAL_CELSIUS + waves, np.zeros(2), nowhere, np.array([steps - 1]))
                answer = self.module.answer(prepared)
        except (AttributeError, RuntimeError) as error:
            raise ReleaseError(f"the module fails on {steps} values: {str(error).splitlines()[-1]}") from None
        shape = (2, 1, metadata.horizon, 1 + len(metadata.levels))
        if answer.shape != shape or answer.dtype != torch.float32 or not bool(torch.isfinite(answer).all()):
            raise ReleaseError(f"the module does not return finite float32 values of the shape {shape}")
        if not bool((answer[..., 1:].diff(dim=-1) >= 0).all()):
            raise ReleaseError("the module returns quantiles that are not in ascending order")

    def warm_up(self) -> None:
        """Run the network on a series, so that the first caller does not wait for its compilation."""
        steps = min(self.metadata.maximum, 2 * self.metadata.minimum)
        values = _TYPICAL_CELSIUS + np.sin(np.arange(steps, dtype=np.float64))[None]
        nowhere = np.full((1, COEFFICIENTS), np.nan, dtype=np.float32)
        with compiling(self.device):
            for _ in range(1 if self.device.type == "cpu" else _PROFILED_CALLS):
                self.predict(values, np.zeros(1), nowhere)
                self.backtest(values, np.zeros(1), nowhere, np.arange(self.metadata.minimum - 1, steps, dtype=np.int64))


def load(
    content: bytes,
    device: torch.device,
    file: CheckpointFile | None = None,
    beside: Sequence[UniversalForecaster] = (),
) -> UniversalForecaster:
    """Load a universal checkpoint from bytes.

    TorchScript can run code while it loads: check the digest of the bytes first.

    Args:
        content: of the checkpoint.
        device: that the network runs on.
        file: that the content comes from, for pickling.
        beside: loaded networks of the same release, which may share work with this one.

    Raises:
        ReleaseError: if the bytes are not a universal checkpoint of this schema, or the module breaks the contract.
    """
    module, metadata_json = load_module(content, device)
    metadata = parse_universal_metadata(metadata_json)
    names = ("window", "step_seconds", "horizon", "minimum", "maximum")
    check_attributes(module, {name: getattr(metadata, name) for name in names})
    levels = tuple(getattr(module, "levels", ()))
    if levels != metadata.levels:
        raise ReleaseError(f"the module has the levels {levels}, but the metadata says {metadata.levels}")
    network = UniversalForecaster(module, metadata, device, file, beside)
    network.check_contract()
    return network


def _reopen(file: CheckpointFile, device_name: str) -> UniversalForecaster:
    """Load the forecaster that was pickled."""
    device = choose_device(device_name)
    forecaster = load(file.read(), device, file)
    forecaster.warm_up()
    return forecaster


_OWN: Final = "network."
"""Prefix of the weights that each network has for itself."""


class SharedParts:
    """Several networks that share all parts before their cells."""

    def __init__(self, networks: Sequence[UniversalForecaster]) -> None:
        self._networks = networks

    @classmethod
    def of(cls, networks: Sequence[UniversalForecaster]) -> "SharedParts | None":
        """Return what ``networks`` share; None if there is only one, or they share nothing."""
        if len(networks) < 2 or any(network.preparing is not networks[0].preparing for network in networks):
            return None
        return cls(networks)

    def backtest(
        self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps
    ) -> dict[str, Floats]:
        """Return what :meth:`UniversalForecaster.backtest` returns, by full name of the network."""
        with torch.inference_mode():
            prepared = self._networks[0].prepare(values, last_time, coefficients, origins)
            return {network.metadata.model: network.answer(prepared) for network in self._networks}


def _equal(module: torch.jit.ScriptModule, other: torch.jit.ScriptModule) -> bool:
    """Whether two modules have the same weights, other than those of their cells and what follows."""
    states, others = (
        {name: weights for name, weights in network.state_dict().items() if not name.startswith(_OWN)}
        for network in (module, other)
    )
    return states.keys() == others.keys() and all(torch.equal(states[name], others[name]) for name in states)


class ReleaseFiles(Protocol):
    """The files of a release on disk."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        ...

    @property
    def version(self) -> str:
        """Version."""
        ...

    def holds(self, name: str) -> bool:
        """Return whether the manifest has a file of this name."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file after checking it against the manifest."""
        ...


def load_networks(release: ReleaseFiles, device: torch.device) -> dict[str, UniversalForecaster]:
    """Verify the checkpoints of a release, load them, and warm them up; by cell.

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    networks: dict[str, UniversalForecaster] = {}
    for cell in CELLS:
        if release.holds(f"{cell}.pt"):
            networks[cell] = _load(release, cell, device, [*networks.values()])
    if not networks:
        raise ReleaseError(f"{release.path} has no checkpoint")
    return networks


def _load(
    release: ReleaseFiles, cell: str, device: torch.device, beside: Sequence[UniversalForecaster]
) -> UniversalForecaster:
    path = release.path / f"{cell}.pt"
    content = release.read(path.name)
    try:
        network = load(content, device, CheckpointFile(path.resolve(), digest(content)), beside)
    except ReleaseError as error:
        raise ReleaseError(f"{path}: {error}") from None
    metadata = network.metadata
    if (metadata.dataset, metadata.version, metadata.cell) != (release.dataset, release.version, cell):
        raise ReleaseError(f"{path} contains {metadata.model} of release {metadata.version}: restore the right file")
    network.warm_up()
    return network
