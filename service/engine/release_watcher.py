"""Following what is published, without a dropped request.

Every worker looks at which releases are current, and hears at once of a load or an unload that any of them is asked
for. A new release is loaded, verified and warmed up beside the old one, and then takes its place for the requests that
come after; one that fails is refused, and the old one serves on. It is tried again once its files have changed, as
one that was copied slowly is whole in the end.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from pathlib import Path

import torch

from forecasting.errors import ForecastError, ReleaseError, UnknownNameError
from forecasting.networks.device import choose_device
from forecasting.releases.registry import LoadedRelease, Registry
from forecasting.releases.release import CURRENT, current_versions, open_current, traces
from forecasting.wording import available
from service.engine.lifecycle import Lifecycle
from service.engine.serving import Serving
from service.engine.worker_bus import Message, WorkerBus
from service.settings import Settings
from service.telemetry.metrics import Metrics, loaded_models

logger = logging.getLogger("service")

_WITHDRAWN = "withdrawn"

_State = tuple[str, tuple[tuple[str, int, int, int], ...]]
"""The version that is current, and what can be told of its files without reading them."""


class ReleaseWatcher:
    """What a worker serves of what is published."""

    def __init__(
        self,
        artifacts: Path,
        device: torch.device,
        lifecycle: Lifecycle,
        serve: Callable[[Registry], Serving],
        bus: WorkerBus,
        metrics: Metrics,
        loader: Executor,
    ) -> None:
        """``loader`` should be one thread: it loads into the memory that the release before the last has left."""
        self.artifacts = artifacts
        self.device = device
        self.lifecycle = lifecycle
        self.bus = bus
        self.metrics = metrics
        self.refused: dict[str, str] = {}
        """Why the current release of a dataset does not serve, by dataset."""
        self._tried: dict[str, _State] = {}
        self._serve = serve
        self._loader = loader
        self._lock = asyncio.Lock()
        self._registry: Registry | None = None

    @property
    def registry(self) -> Registry:
        """Every release that is loaded, withdrawn models included."""
        assert self._registry is not None
        return self._registry

    def start(self, registry: Registry) -> None:
        """Begin with what is loaded; it serves from :meth:`refresh` on."""
        self._registry = registry
        for dataset, loaded in registry.releases.items():
            self.bus.serve(dataset, loaded.release.version)

    async def watch(self, seconds: float) -> None:
        """Follow what is published, with a look every ``seconds``; does not return."""
        said = ""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self._follow()
            except Exception as error:
                # Whatever is wrong with the folder, what is loaded serves on. It is said once, not at each look.
                if str(error) != said:
                    trace = None if isinstance(error, ForecastError) else error
                    logger.error(
                        "what is published cannot be followed, what was loaded serves on: %s", error, exc_info=trace
                    )
                said = str(error)
            else:
                if said:
                    logger.info("what is published is followed again")
                said = ""

    async def load(self, model: str) -> None:
        """Serve the current release of a model's dataset, in every worker; undoes :meth:`unload`.

        Raises:
            UnknownNameError: if there is no such model.
            ReleaseError: if none is current, or the release is refused by any worker.
        """
        await self._tell({"do": "load", "model": model})

    async def unload(self, model: str) -> None:
        """Serve a model no longer, in any worker, until it is loaded again.

        Raises:
            UnknownNameError: if there is no such model.
        """
        await self._tell({"do": "unload", "model": model})

    async def _tell(self, message: Message) -> None:
        await self._do(message, asked=True)
        failed = [answer["error"] for answer in await self.bus.ask_others(message) if answer.get("error")]
        if failed:
            raise ReleaseError(f"{len(failed)} other workers refused: {failed[0]}")

    async def hear(self, message: Message) -> Message:
        """Do what another worker was asked for; answers with the ``error`` if there is one."""
        try:
            await self._do(message, asked=False)
        except ForecastError as error:
            return {"error": str(error)}
        except Exception as error:
            logger.exception("%s failed", message["do"])
            return {"error": f"{type(error).__name__}: {error}"}
        return {}

    async def _do(self, message: Message, *, asked: bool) -> None:
        """Load or unload; only the worker that was ``asked`` writes down what is withdrawn, for all."""
        model = message["model"]
        dataset = model.rpartition("-")[0]
        published = await self._follow(again=True) if message["do"] == "load" else None
        if published is not None and dataset in self.refused:
            raise ReleaseError(self.refused[dataset])
        self._check(model)
        if published is not None and dataset not in published:
            version = self.registry.releases[dataset].release.version
            raise ReleaseError(
                f"{self.artifacts / dataset / CURRENT} is missing, so that no release of {dataset} is published, and "
                f"{version} serves on: write into it the version that is to serve"
            )
        if asked:
            self._withdraw(model, withdrawn=message["do"] == "unload")
        self.refresh()

    def refresh(self) -> None:
        """Serve what is loaded but for what is withdrawn by now."""
        self._put(self.registry)

    def _check(self, model: str) -> None:
        known = [forecaster.metadata.model for forecaster in self.registry.models]
        if model not in known:
            raise UnknownNameError(f"no model {model[:64]!r}; {available(known)}")

    async def _follow(self, *, again: bool = False) -> Collection[str]:
        """Load what is current and not loaded; what was refused before only if ``again`` or if it has changed.

        Returns the datasets of which a release is current.
        """
        async with self._lock:
            try:
                states = await asyncio.to_thread(self._look)
            except Exception:
                self.metrics.reloaded("failed")
                raise
            for dataset in self.refused.keys() - states.keys():
                self._forget(dataset)
            unchanged = True
            for dataset, state in states.items():
                if state is None:
                    self._forget(dataset)
                elif again or self._tried.get(dataset) != state:
                    unchanged = False
                    await self._replace(dataset, state)
            if unchanged:
                self.metrics.reloaded("unchanged")
            return states.keys()

    def _look(self) -> dict[str, _State | None]:
        """What is current, by dataset; None where it is loaded."""
        loaded = {dataset: one.release.version for dataset, one in self.registry.releases.items()}
        return {
            dataset: None if loaded.get(dataset) == version else (version, traces(self.artifacts / dataset, version))
            for dataset, version in current_versions(self.artifacts).items()
        }

    def _forget(self, dataset: str) -> None:
        """Forget that releases of a ``dataset`` were refused."""
        self.refused.pop(dataset, None)
        self._tried.pop(dataset, None)

    async def _replace(self, dataset: str, state: _State) -> None:
        try:
            release = await asyncio.get_running_loop().run_in_executor(self._loader, self._load, dataset)
        except Exception as error:
            # A bug, or memory that is not there, is no reason to stop serving what is loaded either.
            known = isinstance(error, ForecastError)
            self.refused[dataset] = str(error) if known else f"{type(error).__name__}: {error}"
            self._tried[dataset] = state
            self.metrics.reloaded("failed")
            logger.error("a new release of %s is refused, what was loaded serves on: %s", dataset, error)
            return
        self._forget(dataset)
        self._put(self.registry.with_release(release))
        self.bus.serve(dataset, release.release.version)
        self.metrics.reloaded("loaded")
        logger.info("%s now serves release %s", dataset, release.release.version)

    def _load(self, dataset: str) -> LoadedRelease:
        return LoadedRelease.load(open_current(self.artifacts, dataset), self.device)

    def _put(self, registry: Registry) -> None:
        self._registry = registry
        serving = self._serve(registry.without(self._withdrawn()))
        self.lifecycle.serving = serving
        self.metrics.models(loaded_models(serving.registry))
        # What is loaded is there to stay: collections need not look at it, which would stop all for 90 ms. What it
        # replaced was set aside in the same way, and is found only once it is back among the living.
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _withdrawn(self) -> set[str]:
        if self.bus.folder is None:
            return self.lifecycle.withdrawn
        try:
            return set((self.bus.folder / _WITHDRAWN).read_text().split())
        except FileNotFoundError:
            return set()

    def _withdraw(self, model: str, *, withdrawn: bool) -> None:
        """Write down whether a model is withdrawn: for all workers, those that are yet to start among them."""
        with self.bus.exclusively():
            names = self._withdrawn()
            (names.add if withdrawn else names.discard)(model)
            self.lifecycle.withdrawn = names
            self.bus.write(_WITHDRAWN, "\n".join(sorted(names)))


def open_registry(settings: Settings, bus: WorkerBus | None = None) -> Registry:
    """Load what ``settings`` name; what the workers on ``bus`` serve where that cannot be used.

    Raises:
        ForecastError: if there is no such device, or a release cannot be used.
    """
    # A second thread makes networks this small slower, and their warm-up by seconds where the cores are busy.
    torch.set_num_threads(1)
    serving = bus.serving() if bus else {}
    return Registry.open(settings.artifacts, choose_device(settings.device), settings.default_dataset, serving)
