"""The protocol's model repository: list, load and unload models."""

from typing import Final, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel

from service.api.dependencies import RegistryDep, ReleaseWatcherDep
from service.api.inference.schemas import IndexEntry, IndexRequest, LoadRequest, LoadResponse
from service.api.inference.tensors import malformed
from service.api.openapi import path_parameters, refusals, request_body
from service.engine.releases.release_watcher import ReleaseWatcher
from service.worker.json_bodies import read_json

router = APIRouter(prefix="/v2/repository", tags=["inference protocol"])

_MODEL: Final = path_parameters(model="The full name of a model, such as `nino12-gru`.")
_LOAD_BODY: Final = {**_MODEL, **request_body(LoadRequest, required=False)}

_INDEX_EXAMPLES: Final = {"ready": {"summary": "Only models that are ready", "value": {"ready": True}}}

_Body = TypeVar("_Body", bound=BaseModel)


@router.post(
    "/index",
    operation_id="listRepository",
    summary="List the repository",
    responses=refusals(400, 413, 415, 503),
    openapi_extra=request_body(IndexRequest, required=False, examples=_INDEX_EXAMPLES),
)
async def index(request: Request, watcher: ReleaseWatcherDep, registry: RegistryDep) -> list[IndexEntry]:
    """List every model, including models that were unloaded. The body may be empty."""
    only_ready = _read(IndexRequest, await request.body()).ready
    served, versions = set(registry.model_names), watcher.registry.versions
    datasets = {model: model.rpartition("-")[0] for model in watcher.registry.model_names}
    entries = [_entry(watcher, model, dataset, versions[dataset], served) for model, dataset in datasets.items()]
    return [entry for entry in entries if entry.state == "READY" or not only_ready]


@router.post(
    "/models/{model}/load",
    operation_id="loadModel",
    summary="Load a model",
    responses=refusals(400, 401, 403, 404, 409, 413, 415, 503),
    openapi_extra=_LOAD_BODY,
)
async def load(request: Request, watcher: ReleaseWatcherDep) -> LoadResponse:
    """Read the artifacts folder again and serve the current release of the model's dataset, in every worker.

    This undoes an unload. A release that fails its checks is refused with a 409, and the loaded one stays in service.
    This call needs an admin key.
    """
    _refuse_overrides(_read(LoadRequest, await request.body()))
    await watcher.load(request.path_params["model"])
    return LoadResponse()


@router.post(
    "/models/{model}/unload",
    operation_id="unloadModel",
    summary="Unload a model",
    responses=refusals(400, 401, 403, 404, 413, 415, 503),
    openapi_extra=_LOAD_BODY,
)
async def unload(request: Request, watcher: ReleaseWatcherDep) -> LoadResponse:
    """Stop serving a model in every worker, until it is loaded again. This call needs an admin key."""
    _read(LoadRequest, await request.body())
    await watcher.unload(request.path_params["model"])
    return LoadResponse()


def _read(model: type[_Body], body: bytes) -> _Body:
    return read_json(model, body or b"{}", max_series=0, max_bytes=len(body))


def _refuse_overrides(request: LoadRequest) -> None:
    for name in request.parameters or ():
        if name == "config" or name.startswith("file:"):
            subject = "files are" if name.startswith("file:") else "a configuration is"
            raise malformed(f"{subject} not accepted: models come from the artifacts folder; publish a release instead")


def _entry(watcher: ReleaseWatcher, model: str, dataset: str, version: str, served: set[str]) -> IndexEntry:
    if model not in served:
        reason = f"unloaded; POST /v2/repository/models/{model}/load to serve it again"
        return IndexEntry(name=model, version=version, state="UNAVAILABLE", reason=reason)
    refused = watcher.refused.get(dataset)
    reason = f"a newer release was refused, so this one stays in service: {refused}" if refused else ""
    return IndexEntry(name=model, version=version, state="READY", reason=reason)
