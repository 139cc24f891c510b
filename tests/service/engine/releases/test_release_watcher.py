"""The protocol's model repository: index, load and unload, by those who may and with what they may not send."""

import gc
import json
import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from fastapi import FastAPI
from pydantic import SecretStr
from tritonclient.utils import InferenceServerException

from forecasting.releases.release import open_current, point_current
from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.processes import wait_until
from tests.service.plugins.inference.requests import address, inputs, refused, windows
from tests.service.requests import NDJSON, body
from tests.serving import serve, serve_app

pytestmark = pytest.mark.plugin("inference")

GRU = "nino12-gru"


@dataclass
class Operator:
    """An operator who may load and unload models, with a service of their own."""

    http: httpx.Client
    triton: Any
    headers: dict[str, str]
    folder: Path

    def states(self, ready: bool = False) -> dict[str, str]:
        """Return the state of each model in the index."""
        index = self.http.post("/v2/repository/index", json={"ready": ready})
        assert index.status_code == 200
        return {model["name"]: model["state"] for model in index.json()}


@contextmanager
def operating(artifacts: Path, folder: Path) -> Iterator[Operator]:
    shutil.copytree(artifacts, folder)
    presented, key = new_key("ops", Role.ADMIN)
    headers = {"Authorization": f"Bearer {presented}"}
    settings = Settings(artifacts=folder, keys=SecretStr(key.line), reload_seconds=3_600)
    with serve(settings) as http, triton.InferenceServerClient(address(http)) as triton_client:
        http.headers.update(headers)
        yield Operator(http, triton_client, headers, folder)


@pytest.fixture
def operator(artifacts: Path, tmp_path: Path) -> Iterator[Operator]:
    with operating(artifacts, tmp_path / "artifacts") as operator:
        yield operator


@pytest.fixture(scope="module")
def refused_operator(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator who is refused everything, so that one service is enough for several tests."""
    with operating(artifacts, tmp_path_factory.mktemp("refused") / "artifacts") as operator:
        yield operator


def test_the_index_lists_every_model_with_or_without_a_body(client: httpx.Client) -> None:
    with triton.InferenceServerClient(address(client)) as triton_client:
        index = triton_client.get_model_repository_index()
    assert len(index) == 6
    assert {"name", "version", "state", "reason"} == set(index[0])
    assert {entry["state"] for entry in index} == {"READY"}
    for content in (b"", b"{}", b'{"ready": true}', b'{"ready": false}'):
        assert client.post("/v2/repository/index", content=content).json() == index
    for content in (b"[]", b"nonsense", b'{"ready": 1}', b"null"):
        assert refused(client.post("/v2/repository/index", content=content))


def test_an_unloaded_model_is_gone_everywhere_until_it_is_loaded_again(operator: Operator, nino12: SstSeries) -> None:
    sent = inputs(*windows(nino12, 1))
    before = operator.triton.infer(GRU, sent).as_numpy("forecast")
    operator.triton.unload_model(GRU, headers=operator.headers)
    assert operator.states()[GRU] == "UNAVAILABLE"
    assert list(operator.states().values()).count("READY") == 5
    assert GRU not in operator.states(ready=True)
    (entry,) = [entry for entry in operator.triton.get_model_repository_index() if entry["name"] == GRU]
    assert entry["reason"] == f"unloaded; POST /v2/repository/models/{GRU}/load to serve it again"
    assert not operator.triton.is_model_ready(GRU)
    with pytest.raises(InferenceServerException, match=r"\[404\] no model 'nino12-gru'"):
        operator.triton.infer(GRU, sent)
    assert operator.http.post("/forecast", json=body(nino12)).status_code == 404
    assert operator.triton.is_server_ready()
    operator.triton.load_model(GRU, headers=operator.headers)
    assert operator.states()[GRU] == "READY"
    assert operator.triton.infer(GRU, sent).as_numpy("forecast") == before
    assert operator.http.post("/forecast", json=body(nino12)).status_code == 200


def test_best_is_the_best_of_what_is_loaded(operator: Operator) -> None:
    validation = {
        cell: operator.http.get(f"/models/nino12-{cell}").json()["metadata"]["accuracy"]["validation"]["rmse"][0]
        for cell in ("rnn", "lstm", "gru")
    }
    order = [f"nino12-{cell}" for cell in sorted(validation, key=lambda cell: validation[cell])]
    for i, model in enumerate(order):
        assert operator.http.get("/forecast").json()["model"] == model
        assert operator.http.get("/compare").json()["best"] == model
        assert [entry["model"] for entry in operator.http.get("/models").json()["models"] if entry["best"]][-1:] == [
            model
        ]
        operator.triton.unload_model(order[i], headers=operator.headers)
    for name in ("best", "all", "gru"):
        response = operator.http.get("/forecast", params={"model": name})
        assert response.status_code == 404
        message = "all models of nino12 are unloaded: load one again"
        assert response.json()["detail"] == f"{message}; available: buoy-rnn, buoy-lstm, buoy-gru"


def test_statistics_of_a_model_survive_changes_to_others(operator: Operator, nino12: SstSeries) -> None:
    operator.triton.infer(GRU, inputs(*windows(nino12, 3)))
    before = operator.triton.get_inference_statistics(GRU)
    assert before["model_stats"][0]["inference_count"] == 3
    operator.triton.unload_model("nino12-rnn", headers=operator.headers)
    assert operator.triton.get_inference_statistics(GRU) == before
    assert len(operator.triton.get_inference_statistics()["model_stats"]) == 5


def test_a_load_serves_a_newly_published_release(
    operator: Operator, nino12: SstSeries, trained_twice: Path, published: Any
) -> None:
    old, new = published.path.name, open_current(trained_twice, "nino12").path.name
    shutil.copytree(trained_twice / "nino12", operator.folder / "nino12", dirs_exist_ok=True)
    sent = inputs(*windows(nino12, 1))
    before = operator.triton.infer(GRU, sent, model_version=old).as_numpy("forecast")
    operator.triton.load_model(GRU, headers=operator.headers)
    result = operator.triton.infer(GRU, sent)
    assert result.get_response()["model_version"] == new
    assert result.as_numpy("forecast") != before
    with pytest.raises(InferenceServerException, match=rf"\[404\] nino12-gru has no version '{old}': {new} is loaded"):
        operator.triton.infer(GRU, sent, model_version=old)


def test_a_broken_release_is_refused_and_the_index_says_so(operator: Operator, published: Any) -> None:
    bad = operator.folder / "nino12" / "20991231T000000Z"
    shutil.copytree(operator.folder / "nino12" / published.path.name, bad)
    point_current(operator.folder / "nino12", bad.name)
    with pytest.raises(InferenceServerException, match=r"\[409\] .*20991231T000000Z"):
        operator.triton.load_model(GRU, headers=operator.headers)
    # None that a proxy or a client would repeat.
    response = operator.http.post(f"/v2/repository/models/{GRU}/load")
    assert response.status_code == 409
    assert "retry-after" not in response.headers
    reasons = {entry["name"]: entry["reason"] for entry in operator.triton.get_model_repository_index()}
    assert reasons[GRU].startswith("a newer release was refused, so this one stays in service: ")
    assert reasons["buoy-gru"] == ""
    assert operator.states()[GRU] == "READY"
    assert operator.triton.get_model_metadata(GRU)["versions"] == [published.path.name]


def test_without_a_current_release_a_load_says_which_file_is_missing(operator: Operator, published: Any) -> None:
    dataset, message = (
        operator.folder / "nino12",
        r"\[409\] .*nino12/current is missing, .*: write the version to serve into that file",
    )
    (dataset / "current").unlink()
    with pytest.raises(InferenceServerException, match=message):
        operator.triton.load_model(GRU, headers=operator.headers)
    bad = dataset / "20991231T000000Z"
    shutil.copytree(dataset / published.path.name, bad)
    point_current(dataset, bad.name)
    with pytest.raises(InferenceServerException, match=r"\[409\] .*the manifest belongs to"):
        operator.triton.load_model(GRU, headers=operator.headers)
    # What was refused is not what is missing now.
    (dataset / "current").unlink()
    with pytest.raises(InferenceServerException, match=message):
        operator.triton.load_model(GRU, headers=operator.headers)
    assert {entry["reason"] for entry in operator.triton.get_model_repository_index()} == {""}
    assert operator.triton.get_model_metadata(GRU)["versions"] == [published.path.name]
    point_current(dataset, published.path.name)
    operator.triton.load_model(GRU, headers=operator.headers)


@pytest.mark.parametrize("call", ["load", "unload"])
def test_an_unknown_model_is_a_404_that_lists_the_known_ones(refused_operator: Operator, call: str) -> None:
    for name in ("nino12-transformer", "north-sea-gru", "gru", "best", "all", "%00", "..%2fnino12-gru"):
        sentence = refused(refused_operator.http.post(f"/v2/repository/models/{name}/{call}"), 404)
        assert "available: " in sentence or "no such path" in sentence


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"config": "{}"}, "a configuration is not accepted"),
        ({"config": None}, "a configuration is not accepted"),
        ({"file:1/model.pt": "AAAA"}, "files are not accepted"),
    ],
)
def test_models_come_from_the_artifacts_folder_and_not_from_a_request(
    refused_operator: Operator, parameters: dict[str, Any], message: str
) -> None:
    sentence = refused(refused_operator.http.post(f"/v2/repository/models/{GRU}/load", json={"parameters": parameters}))
    assert message in sentence
    assert "publish a release" in sentence


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_asyncio_client_loads_and_unloads_too(operator: Operator) -> None:
    async with triton_aio.InferenceServerClient(address(operator.http)) as aio_client:
        await aio_client.unload_model(GRU, headers=operator.headers, unload_dependents=True)
        assert not await aio_client.is_model_ready(GRU)
        with pytest.raises(InferenceServerException, match=r"\[400\] a configuration is not accepted"):
            await aio_client.load_model(GRU, headers=operator.headers, config=json.dumps({"name": GRU}))
        assert not await aio_client.is_model_ready(GRU)
        await aio_client.load_model(GRU, headers=operator.headers)
        assert await aio_client.is_model_ready(GRU)


@pytest.mark.parametrize("content", [b"nonsense", b"[]", b'{"parameters": 5}', b"\xff"])
@pytest.mark.parametrize("call", ["load", "unload"])
def test_an_invalid_body_changes_nothing(refused_operator: Operator, call: str, content: bytes) -> None:
    assert refused(refused_operator.http.post(f"/v2/repository/models/{GRU}/{call}", content=content))
    assert refused_operator.states()[GRU] == "READY"


def test_without_an_admin_key_nothing_is_loaded_or_unloaded(refused_operator: Operator, client: httpx.Client) -> None:
    with pytest.raises(InferenceServerException, match=r"\[401\] missing API key"):
        refused_operator.triton.unload_model(GRU)
    with (
        triton.InferenceServerClient(address(client)) as keyless,
        pytest.raises(InferenceServerException, match=r"\[403\] .* need an admin key, but none is configured"),
    ):
        keyless.load_model(GRU)


def test_with_all_models_unloaded_the_service_is_ready_and_says_to_load_one(operator: Operator) -> None:
    for name in operator.states():
        operator.triton.unload_model(name, headers=operator.headers)
    assert operator.http.get("/health/ready").json()["models"] == []
    message = "all models of nino12 are unloaded: load one again; no other dataset has one loaded"
    assert operator.http.get("/forecast").json()["detail"] == message
    assert refused(operator.http.post(f"/v2/models/{GRU}/infer", json={}), 404) == message
    operator.triton.load_model("buoy-gru", headers=operator.headers)
    assert operator.http.get("/forecast").json()["detail"].endswith("load one again; available: buoy-gru")


@pytest.fixture
def nothing_frozen() -> Iterator[None]:
    """Thaw what this process has frozen for the duration of the test."""
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def loaded_networks(app: FastAPI) -> list[Any]:
    """Return the matrices of the networks of nino12 that an application serves."""
    assert app.state.lifecycle.serving is not None
    _, networks = app.state.lifecycle.serving.catalog.resolve("all", "nino12")
    return [forecaster.network.folded for forecaster in networks]


def collected(networks: list[Any]) -> int:
    """Return how many of these networks garbage collections look at."""
    ids = {id(network) for network in networks}
    return sum(id(tracked) in ids for tracked in gc.get_objects())


@pytest.mark.long
@pytest.mark.usefixtures("nothing_frozen")
def test_garbage_collections_leave_out_loaded_releases_until_the_service_ends(artifacts: Path) -> None:
    for _ in range(2):
        app = create_app(Settings(artifacts=artifacts))
        with serve_app(app):
            networks = loaded_networks(app)
            assert collected(networks) == 0
        assert gc.get_freeze_count() == 0
        assert collected(networks) == len(networks) > 0


@pytest.mark.long
@pytest.mark.usefixtures("nothing_frozen")
def test_of_two_services_in_a_process_the_last_one_to_end_thaws(artifacts: Path) -> None:
    first, second = create_app(Settings(artifacts=artifacts)), create_app(Settings(artifacts=artifacts))
    with serve_app(second):
        with serve_app(first):
            assert collected(loaded_networks(first)) == 0
        assert collected(loaded_networks(second)) == 0
    assert gc.get_freeze_count() == 0


@pytest.mark.long
@pytest.mark.usefixtures("nothing_frozen")
@pytest.mark.parametrize("in_flight", [False, True])
def test_a_replaced_release_is_freed_without_another_garbage_collection(
    artifacts: Path,
    trained_twice: Path,
    published: Any,
    nino12: SstSeries,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    in_flight: bool,
) -> None:
    caplog.set_level("INFO")
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    newer = open_current(trained_twice, "nino12").path
    shutil.copytree(newer, folder / "nino12" / newer.name)
    line = json.dumps(body(nino12)["series"][0]).encode() + b"\n"
    app = create_app(Settings(artifacts=folder, reload_seconds=0.05))

    def replace_meanwhile() -> Iterator[bytes]:
        yield line
        point_current(folder / "nino12", newer.name)
        wait_until(lambda: f"now serving nino12 release {newer.name}" in caplog.text, "the release was not replaced")
        yield line

    with serve_app(app) as client:
        client.post("/forecast", json=body(nino12)).raise_for_status()
        replaced = [weakref.ref(network) for network in loaded_networks(app)]
        if in_flight:
            response = client.post("/forecast?dataset=nino12", content=replace_meanwhile(), headers=NDJSON)
            versions = [json.loads(answer)["version"] for answer in response.iter_lines()]
            assert versions == [published.path.name] * 2
        else:
            assert len(list(replace_meanwhile())) == 2
        # Everything that was loaded is frozen, so a garbage collection cannot free it before the next release.
        wait_until(lambda: not any(network() for network in replaced), "the replaced release is still in memory")


def test_objects_that_a_program_froze_before_it_runs_the_service_stay_frozen(artifacts: Path) -> None:
    frozen = gc.get_freeze_count()
    assert frozen
    with serve(Settings(artifacts=artifacts)):
        # Some of it may be freed meanwhile.
        assert 0 < gc.get_freeze_count() <= frozen
    assert gc.get_freeze_count()
