"""Computes the common parts of a release's networks once for all of them.

Networks that were trained together differ in their cell and in what follows it. Before the cell come the features of a
series and the companion, which take most of the time.
"""

from collections.abc import Sequence
from typing import Final

import torch

from forecasting.networks.checkpoint import compiling
from forecasting.series.times import Floats
from forecasting.universal.network.forecaster import Coefficients, Steps, UniversalForecaster

_METHODS: Final = ("prepare", "answer")
_OWN: Final = "network."
"""Prefix of the weights that each network has for itself."""


class SharedParts:
    """Several networks that share all parts before their cells."""

    def __init__(self, networks: Sequence[UniversalForecaster]) -> None:
        self._networks = networks

    @classmethod
    def of(cls, networks: Sequence[UniversalForecaster]) -> "SharedParts | None":
        """Return what ``networks`` share; None if there is only one, or their checkpoints do not share it."""
        modules = [network.module for network in networks]
        if len(modules) < 2 or not all(hasattr(module, method) for module in modules for method in _METHODS):
            return None
        if not all(_equal(modules[0], module) for module in modules[1:]):
            return None
        shared = cls(networks)
        with compiling(networks[0].device):
            series, origins = networks[0].typical_series()
            shared.backtest(*series, origins)
        return shared

    def backtest(
        self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps
    ) -> dict[str, Floats]:
        """Return what :meth:`UniversalForecaster.backtest` returns, by full name of the network."""
        first = self._networks[0]
        with torch.inference_mode():
            places = torch.from_numpy(origins).to(first.device)
            prepared = first.module.prepare(*first.inputs(values, last_time, coefficients), places)
            answers = [network.module.answer(prepared) for network in self._networks]
        return {
            network.metadata.model: network.to_array(answer)
            for network, answer in zip(self._networks, answers, strict=True)
        }


def _equal(module: torch.jit.ScriptModule, other: torch.jit.ScriptModule) -> bool:
    """Whether two modules have the same weights, other than those of their cells and what follows."""
    states, others = (
        {name: weights for name, weights in network.state_dict().items() if not name.startswith(_OWN)}
        for network in (module, other)
    )
    return states.keys() == others.keys() and all(torch.equal(states[name], others[name]) for name in states)
