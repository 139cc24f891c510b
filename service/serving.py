"""What serves at one moment: the loaded releases, and a batcher for each of their networks."""

from collections.abc import Callable
from concurrent.futures import Executor

from forecasting.forecaster import Forecaster
from forecasting.registry import Registry
from service.batching import Batcher, Record

MakeRecord = Callable[[Forecaster], Record]


class Serving:
    """A request takes one of these at its beginning, and is answered from it whatever is loaded meanwhile."""

    def __init__(self, registry: Registry, workers: Executor, seconds: float, record: MakeRecord) -> None:
        """``workers`` run what is too large for the event loop; ``seconds`` is how long a request may wait."""
        self.registry = registry
        self._batchers = {one: Batcher(one, workers, seconds, record(one)) for one in registry.models}

    def batcher(self, forecaster: Forecaster) -> Batcher:
        """The batcher of one of the registry's networks."""
        return self._batchers[forecaster]
