"""Follows the published releases, without dropping a request.

Every worker checks which releases are current, and is notified at once when any worker is asked to load or unload
a model. A new release is loaded, verified and warmed up beside the old one, and then replaces it for later requests.
A release that fails is refused, and the old one stays. It is tried again after its files have changed, since a release
that is copied slowly is complete in the end.
"""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Literal, NamedTuple

import torch

from forecasting.errors import ForecastError, ReleaseError, RemoteError, UnknownNameError
from forecasting.releases.catalog import Catalog
from forecasting.releases.release import CURRENT
from forecasting.wording import available
from service.engine.releases.published_releases import PublishedReleases, ReleaseState
from service.engine.releases.worker_bus import Message, WorkerBus
from service.engine.serving import Lifecycle, Serving
from service.telemetry.metrics import Metrics, loaded_models
from service.worker.threads import run_abandonable

logger = logging.getLogger("service")

_WITHDRAWN = "withdrawn"

_freezing: set["ReleaseWatcher"] = set()
"""Watchers of this process that freeze what they have loaded."""


class ReleaseChange(NamedTuple):
    """What has changed of what this process serves."""

    dataset: str
    version: str
    previous: str | None
    model: str | None = None
    who: str | None = None
    is_unload: bool = False

    @property
    def action(self) -> Literal["loaded", "unloaded", "rolled_back"]:
        """What was done. Versions are times, so an earlier one is a release from before."""
        if self.is_unload:
            return "unloaded"
        return "loaded" if self.previous is None or self.previous <= self.version else "rolled_back"


async def _tell_nobody(change: ReleaseChange) -> None:
    pass


class ReleaseWatcher:
    """Loads the published releases of a worker, and puts them to serve."""

    def __init__(
        self,
        releases: PublishedReleases,
        device: torch.device,
        lifecycle: Lifecycle,
        serve: Callable[[Catalog], Serving],
        bus: WorkerBus,
        metrics: Metrics,
        loader: Executor,
        tell: Callable[[ReleaseChange], Awaitable[None]] = _tell_nobody,
    ) -> None:
        """Wire a watcher."""
        self.releases = releases
        self.device = device
        self.lifecycle = lifecycle
        self.bus = bus
        self.metrics = metrics
        self.refused: dict[str, str] = {}
        """Why the current release of a dataset is refused, by dataset."""
        self._tried: dict[str, ReleaseState] = {}
        self._serve = serve
        self._loader, self._tell = loader, tell
        self._lock = asyncio.Lock()
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        """All loaded releases, unloaded models included."""
        assert self._catalog is not None
        return self._catalog

    def start(self, catalog: Catalog) -> None:
        """Watch the releases of a loaded catalog, which serve after :meth:`refresh`. :meth:`stop` ends this."""
        self._catalog = catalog
        # A program that runs the service beside other work may have frozen its own objects, and they stay frozen.
        if _freezing or gc.get_freeze_count() == 0:
            _freezing.add(self)
        for dataset, version in catalog.versions.items():
            self.bus.serve(dataset, version)
        self._freeze()

    def stop(self) -> None:
        """Let garbage collections free what is loaded, once no other watcher of this process freezes it."""
        if self in _freezing:
            _freezing.remove(self)
            if not _freezing:
                gc.unfreeze()

    async def watch(self, seconds: float) -> None:
        """Check for new releases every ``seconds``; never returns."""
        reported = ""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self._load_current()
            except Exception as error:
                # Whatever is wrong with the folder, the loaded releases stay. Report it once, not at each check.
                # An outage of a bucket has several messages, by what was read when it began.
                problem = RemoteError.__name__ if isinstance(error, RemoteError) else str(error)
                if problem != reported:
                    trace = None if isinstance(error, ForecastError) else error
                    logger.error(
                        "cannot check for new releases; still serving the loaded ones: %s", error, exc_info=trace
                    )
                reported = problem
            else:
                if reported:
                    logger.info("checking for new releases again")
                reported = ""

    async def load(self, model: str, who: str | None = None) -> None:
        """Serve the current release of a model's dataset in every worker, as a key asks. Undoes :meth:`unload`."""
        await self._broadcast({"do": "load", "model": model}, who)

    async def unload(self, model: str, who: str | None = None) -> None:
        """Stop serving a model in every worker, until it is loaded again, as a key asks."""
        await self._broadcast({"do": "unload", "model": model}, who)

    async def _broadcast(self, message: Message, who: str | None) -> None:
        await self._execute(message, is_origin=True, who=who)
        failed = [answer["error"] for answer in await self.bus.ask_others(message) if answer.get("error")]
        if failed:
            raise ReleaseError(f"{len(failed)} other workers refused the release: {failed[0]}")

    async def handle(self, message: Message) -> Message:
        """Do what another worker was asked for; return its ``error`` if there is one."""
        try:
            await self._execute(message, is_origin=False)
        except ForecastError as error:
            return {"error": str(error)}
        except Exception as error:
            logger.exception("%s failed", message["do"])
            return {"error": f"{type(error).__name__}: {error}"}
        return {}

    async def _execute(self, message: Message, *, is_origin: bool, who: str | None = None) -> None:
        """Load or unload a model. Only the worker that the call came to records unloaded models, for all workers."""
        model = message["model"]
        dataset = model.rpartition("-")[0]
        loads = message["do"] == "load"
        published = await self._load_current(again=True, who=who) if loads else None
        if published is not None and dataset in self.refused:
            raise ReleaseError(self.refused[dataset])
        self._check_name(model)
        if published is not None and dataset not in published:
            version = self.catalog.versions[dataset]
            raise ReleaseError(
                f"{self.releases.place}/{dataset}/{CURRENT} is missing, so no release of {dataset} is published, and "
                f"{version} is still served: write the version to serve into that file"
            )
        if is_origin:
            self._withdraw(model, withdrawn=not loads)
        self.refresh()
        # A release that this has loaded was told of with it.
        if is_origin and not (published and published[dataset]):
            version = self.catalog.versions[dataset]
            await self._tell(ReleaseChange(dataset, version, version, model, who, is_unload=not loads))

    def refresh(self) -> None:
        """Serve all loaded releases without the models that are unloaded by now."""
        self._switch_to(self.catalog)

    def _check_name(self, model: str) -> None:
        known = self.catalog.model_names
        if model not in known:
            raise UnknownNameError(f"no model {model[:64]!r}; {available(known)}")

    async def _load_current(self, *, again: bool = False, who: str | None = None) -> dict[str, bool]:
        """Load the current releases that are not loaded; refused ones only if ``again`` is set or they have changed.

        ``who`` has asked for it. Returns the datasets that have a current release, and whether this has loaded it.
        """
        async with self._lock:
            try:
                await self._refresh(again)
                states = await asyncio.to_thread(self._states_to_load)
            except Exception:
                self.metrics.reloaded("failed")
                raise
            for dataset in self.refused.keys() - states.keys():
                self._forget_refusal(dataset)
            unchanged, changes = True, list[ReleaseChange]()
            for dataset, state in states.items():
                if state is None:
                    self._forget_refusal(dataset)
                elif again or self._tried.get(dataset) != state:
                    unchanged = False
                    changes += await self._replace(dataset, state)
            if unchanged:
                self.metrics.reloaded("unchanged")
        for change in changes:
            await self._tell(change._replace(who=who))
        loaded = {change.dataset for change in changes}
        return {dataset: dataset in loaded for dataset in states}

    async def _refresh(self, again: bool) -> None:
        """Bring the local copy of releases at a URL up to date."""
        if self.releases.mirror is None:
            return
        try:
            # A server that does not answer must not keep the process from stopping.
            await run_abandonable(partial(self.releases.refresh, now=again))
        except ReleaseError as error:
            if not again:
                raise
            # An operator loads a model: what was copied before serves as well.
            logger.warning("loading from the releases that were copied before: %s", error)

    def _states_to_load(self) -> dict[str, ReleaseState | None]:
        """Return the current version and its files, by dataset; None if it is loaded."""
        loaded = self.catalog.versions
        return {
            dataset: None if loaded.get(dataset) == state[0] else state
            for dataset, state in self.releases.states().items()
        }

    def _forget_refusal(self, dataset: str) -> None:
        """Forget that releases of ``dataset`` were refused."""
        self.refused.pop(dataset, None)
        self._tried.pop(dataset, None)

    async def _replace(self, dataset: str, state: ReleaseState) -> list[ReleaseChange]:
        try:
            loop = asyncio.get_running_loop()
            loaded = self.catalog.releases.get(dataset)
            release = await loop.run_in_executor(self._loader, self.releases.load, dataset, self.device, loaded)
        except Exception as error:
            # Neither a bug nor a lack of memory is a reason to stop serving the loaded release.
            known = isinstance(error, ForecastError)
            self.refused[dataset] = str(error) if known else f"{type(error).__name__}: {error}"
            self._tried[dataset] = state
            self.metrics.reloaded("failed")
            logger.error("refused a new release of %s; still serving the loaded one: %s", dataset, error)
            return []
        self._forget_refusal(dataset)
        self._switch_to(self.catalog.with_release(release))
        self._freeze()
        self.bus.serve(dataset, release.version)
        self.metrics.reloaded("loaded")
        logger.info("now serving %s release %s", dataset, release.version)
        previous = None if loaded is None else loaded.version
        return [ReleaseChange(dataset, release.version, previous)]

    def _switch_to(self, catalog: Catalog) -> None:
        self._catalog = catalog
        serving = self._serve(catalog.without(self._withdrawn()))
        self.lifecycle.serving = serving
        self.metrics.models(loaded_models(serving.catalog))

    def _freeze(self) -> None:
        """Leave what is loaded out of garbage collections, and collect what it has replaced.

        Loaded releases stay, so collections need not traverse them, which would stop the process for 90 ms. The release
        that was replaced has been frozen in the same way, and can only be collected after unfreezing.
        """
        freezes = self in _freezing
        if freezes:
            gc.unfreeze()
        gc.collect()
        if freezes:
            gc.freeze()

    def _withdrawn(self) -> set[str]:
        if self.bus.folder is None:
            return self.lifecycle.withdrawn
        try:
            return set((self.bus.folder / _WITHDRAWN).read_text().split())
        except FileNotFoundError:
            return set()

    def _withdraw(self, model: str, *, withdrawn: bool) -> None:
        """Record whether a model is unloaded, for all workers and those that start later."""
        with self.bus.exclusively():
            names = self._withdrawn()
            (names.add if withdrawn else names.discard)(model)
            self.lifecycle.withdrawn = names
            self.bus.write(_WITHDRAWN, "\n".join(sorted(names)))
