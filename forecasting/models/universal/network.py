"""A loaded universal network, and what the networks of a release compute once for all of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import ReleaseError
from forecasting.models.checkpoint import (
    Reopening,
    check_attributes,
    choose_device,
    compiling,
    load_module,
    pickled,
    save_module,
)
from forecasting.models.checkpoint_file import CheckpointFile
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

    def __reduce__(self) -> Reopening["UniversalForecaster"]:
        return _reopen, pickled(self, self.file, self.device, "load_universal")

    def pass_size(self, length: int) -> int:
        """Return how many series of ``length`` values to forecast at once without a backtest."""
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

    def backtest(
        self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps, leads: int | None = None
    ) -> Floats:
        """Forecast from several steps of each series, seeing nothing that came after each.

        Args:
            values: as in :meth:`predict`.
            last_time: as in :meth:`predict`.
            coefficients: as in :meth:`predict`.
            origins: steps of ``values`` to forecast from, increasing, ``(origins,)``.
            leads: number of leads; all by default.

        Returns:
            The mean, then the quantiles, °C, ``(n, origins, leads, 1 + levels)``.
        """
        return backtest_all([self], values, last_time, coefficients, origins, leads)[self.metadata.model]

    def prepare(
        self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps, leads: int | None = None
    ) -> list[torch.Tensor]:
        """Compute what :meth:`answer` needs, from the arguments of :meth:`backtest`."""
        sst = torch.from_numpy(values.astype(np.float32))
        arguments = (sst, *map(torch.from_numpy, (last_time, coefficients, origins)))
        moved = [argument.to(self.device) for argument in arguments]
        prepared: list[torch.Tensor] = self.preparing.prepare(*moved, leads or self.metadata.horizon)
        return prepared

    def answer(self, prepared: list[torch.Tensor]) -> Floats:
        """Return what :meth:`backtest` returns."""
        answer: torch.Tensor = self.module.answer(prepared)
        return answer.cpu().numpy().astype(np.float64)

    def check_contract(self) -> None:
        """Run the network on two short series."""
        metadata, steps = self.metadata, self.metadata.minimum
        waves = np.sin(np.arange(2 * steps, dtype=np.float64)).reshape(2, steps)
        nowhere = np.full((2, COEFFICIENTS), np.nan, dtype=np.float32)
        try:
            with torch.inference_mode(), compiling(self.device):
                prepared = self.prepare(_TYPICAL_CELSIUS + waves, np.zeros(2), nowhere, np.array([steps - 1]))
                answer = self.module.answer(prepared)
        except (AttributeError, RuntimeError) as error:
            raise ReleaseError(
                f"the module fails on {steps} values; if an earlier version of sst exported it, train it again: "
                f"{str(error).splitlines()[-1]}"
            ) from None
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


def load_all(
    files: Mapping[str, CheckpointFile], read: Callable[[CheckpointFile], bytes], device: torch.device
) -> dict[str, UniversalForecaster]:
    """Load the networks of one release by cell; those with equal weights before their cells share what they compile."""
    networks: dict[str, UniversalForecaster] = {}
    for cell, file in files.items():
        content = read(file)
        with file.named():
            networks[cell] = load(content, device, file, [*networks.values()])
    return networks


def _reopen(file: CheckpointFile, device_name: str) -> UniversalForecaster:
    """Load the forecaster that was pickled."""
    device = choose_device(device_name)
    forecaster = load(file.read(), device, file)
    forecaster.warm_up()
    return forecaster


_OWN: Final = "network."
"""Prefix of the weights that each network has for itself."""


def backtest_all(
    networks: Iterable[UniversalForecaster],
    values: Floats,
    last_time: Floats,
    coefficients: Coefficients,
    origins: Steps,
    leads: int | None = None,
) -> dict[str, Floats]:
    """Return what :meth:`UniversalForecaster.backtest` returns, by full name; what networks share is computed once."""
    prepared: dict[int, list[torch.Tensor]] = {}
    answers: dict[str, Floats] = {}
    with torch.inference_mode():
        for network in networks:
            if id(network.preparing) not in prepared:
                prepared[id(network.preparing)] = network.prepare(values, last_time, coefficients, origins, leads)
            answers[network.metadata.model] = network.answer(prepared[id(network.preparing)])
    return answers


def _equal(module: torch.jit.ScriptModule, other: torch.jit.ScriptModule) -> bool:
    """Whether two modules have the same weights, other than those of their cells and what follows."""
    states, others = (
        {name: weights for name, weights in network.state_dict().items() if not name.startswith(_OWN)}
        for network in (module, other)
    )
    return states.keys() == others.keys() and all(torch.equal(states[name], others[name]) for name in states)
