"""``/audit``: who wrote what, when."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from forecasting.releases.release import open_current, point_current
from service.plugins.stations.audit import PLAIN, SHOWN
from service.plugins.stations.store.stations import StationSettings
from tests.processes import wait_until
from tests.servers.erddap import Answer, serving
from tests.service.plugins.stations.test_ownership import HEADERS, keyed
from tests.service.requests import Json, answered
from tests.serving import serve

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def audited(seas: Path, own_store: str) -> Iterator[httpx.Client]:
    with serve(keyed(seas, own_store, allow_anonymous=True)) as client:
        yield client


@pytest.fixture
def ask(audited: httpx.Client) -> Ask:
    def ask(caller: str, method: str, path: str, body: Json | None = None, **query: Any) -> httpx.Response:
        return audited.request(method, path, headers=HEADERS[caller], json=body, params=query)

    return ask


def entries(ask: Ask, caller: str, **query: Any) -> list[Json]:
    listed: list[Json] = answered(ask(caller, "GET", "/audit", **query))["entries"]
    return listed


WEBHOOK: Final = {"url": "https://hooks.example/the-path", "secret": "the secret of sixteen"}


def test_settings_are_audited_with_the_old_and_the_new_value_and_no_secret(ask: Ask) -> None:
    ask("pier", "PUT", "/stations/set", {"step": "day", "name": "Pier", "webhooks": [WEBHOOK]}).raise_for_status()
    changed = {"step": "day", "name": "Quay", "visibility": "shared"}
    for _ in range(2):
        ask("ops", "PUT", "/stations/set", changed | {"webhooks": [WEBHOOK]}).raise_for_status()
    other = WEBHOOK | {"secret": "another secret of it"}
    ask("pier", "PUT", "/stations/set", changed | {"webhooks": [other]}).raise_for_status()
    rotated, change, creation = entries(ask, "pier", station="set")
    assert [(each["who"], each["by"], each["action"]) for each in (rotated, change, creation)] == [
        ("pier", "key", "changed"), ("ops", "key", "changed"), ("pier", "key", "created"),
    ]  # fmt: skip
    assert change["changes"] == {
        "name": {"old": "Pier", "new": "Quay"}, "visibility": {"old": "private", "new": "shared"},
    }  # fmt: skip
    assert creation["changes"]["step"] == {"old": None, "new": "day"}
    assert creation["changes"]["owner"] == {"old": None, "new": "pier"}
    assert set(rotated["changes"]) == {"webhooks"}
    text = ask("ops", "GET", "/audit", station="set").text
    assert "hooks.example" in text
    assert not any(secret in text for secret in ("the-path", WEBHOOK["secret"], other["secret"]))


def test_for_each_setting_it_is_decided_what_the_audit_shows() -> None:
    assert {each.name for each in fields(StationSettings)} | {"owner"} == PLAIN | SHOWN.keys()


def test_batches_corrections_and_deletions_are_audited_and_outlive_the_station(ask: Ask) -> None:
    path = "/stations/read"
    ask("pier", "PUT", path, {"step": "day", "units": "fahrenheit"}).raise_for_status()
    values = {"start": "2025-06-01", "values": [50, 51, 500, 52]}
    for _ in range(2):
        ask("pier", "POST", f"{path}/observations", values).raise_for_status()
    later = {"start": "2025-06-04", "values": [53, 54]}
    many = {"readings": [{"station": "read", **later}]}
    ask("ops", "POST", "/observations", many).raise_for_status()
    for _ in range(2):
        ask("pier", "PATCH", f"{path}/observations/2025-06-02", {"value": 59, "flag": 3}).raise_for_status()
    ask("ops", "DELETE", f"{path}/observations/2025-06-01").raise_for_status()
    ask("ops", "DELETE", path).raise_for_status()

    deleted, taken_back, corrected, second, first, created = entries(ask, "pier", station="read")
    assert created["action"] == "created"
    assert (first["who"], first["readings"]) == (
        "pier",
        {
            "new": 3, "revised": 0, "unchanged": 0, "refused": 1, "first": "2025-06-01T00:00:00Z",
            "last": "2025-06-04T00:00:00Z",
        },
    )  # fmt: skip
    assert (second["who"], second["readings"]["new"], second["readings"]["revised"]) == ("ops", 1, 1)
    assert (corrected["who"], corrected["action"]) == ("pier", "corrected")
    assert corrected["correction"]["time"] == "2025-06-02T00:00:00Z"
    assert corrected["correction"]["old"]["flag"] == 2
    assert corrected["correction"]["old"]["value"] == pytest.approx((51 - 32) / 1.8, abs=1e-5)
    assert corrected["correction"]["new"] == {"value": 15.0, "flag": 3}
    assert (taken_back["who"], taken_back["action"]) == ("ops", "taken_back")
    assert taken_back["correction"]["new"] == {"value": 10.0, "flag": 9}
    assert (deleted["who"], deleted["action"], deleted["deleted"]) == ("ops", "deleted", {"name": None, "readings": 6})

    # Another key takes the ID: each reads what was written while the station was its own.
    ask("boat", "PUT", path, {"step": "day"}).raise_for_status()
    assert [each["who"] for each in entries(ask, "boat", station="read")] == ["boat"]
    assert len(entries(ask, "pier", station="read")) == 6
    assert len(entries(ask, "ops", station="read")) == 7


def test_an_audit_is_for_admins_and_the_owner(ask: Ask) -> None:
    for visibility in ("private", "shared"):
        ask("pier", "PUT", f"/stations/{visibility}", {"step": "day", "visibility": visibility}).raise_for_status()
    needed = "reading the audit needs the key that owns the station, or an admin key"
    unknown = "no station 'private': create it with PUT /stations/private, or see GET /stations"
    for caller, statuses in (("boat", (404, 403)), ("reader", (404, 403)), ("nobody", (403, 403))):
        answers = [ask(caller, "GET", "/audit", station=name) for name in ("private", "shared")]
        assert tuple(answer.status_code for answer in answers) == statuses
        assert answers[1].json()["detail"] == needed
        assert answers[0].json()["detail"] == (unknown if statuses[0] == 404 else needed)
    assert {each["station"] for each in entries(ask, "boat")} <= {"read"}
    assert ask("nobody", "GET", "/audit").status_code == 403
    assert {"private", "shared"} <= {each["station"] for each in entries(ask, "pier")}
    assert {"private", "shared"} <= {each["station"] for each in entries(ask, "ops")}


def test_an_audit_comes_in_pages_and_periods(ask: Ask) -> None:
    ask("pier", "PUT", "/stations/paged", {"step": "day"}).raise_for_status()
    for i in range(4):
        ask("pier", "PUT", "/stations/paged", {"step": "day", "name": f"Pier {i}"}).raise_for_status()
    whole, after = entries(ask, "pier", station="paged"), ""
    paged: list[Json] = []
    while after is not None:
        page = answered(ask("pier", "GET", "/audit", station="paged", limit=2, after=after))
        paged, after = paged + page["entries"], page["next"]
    assert paged == whole
    assert len(whole) == 5
    assert entries(ask, "pier", station="paged", **{"from": whole[-1]["time"]}) == whole
    assert entries(ask, "pier", station="paged", **{"from": "2100-01-01"}) == []
    assert ask("pier", "GET", "/audit", station="a b").status_code == 422


def test_fetched_readings_are_written_by_their_source(seas: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sst.db"
    file = "time,sst\n" + "".join(f"2026-06-{day:02},{15 + day / 10}\n" for day in range(1, 21))
    with serving() as server:
        server.files = {"/buoy.csv": Answer(file)}
        settings = keyed(seas, url, allow_private_addresses=True).model_copy(update={"background": True})
        with serve(settings) as client:
            source = {"file": {"url": f"{server.url.rpartition('/')[0]}/buoy.csv"}, "since": "2026-06-01"}
            client.put("/stations/buoy", headers=HEADERS["pier"], json={"step": "day", "source": source})

            def audit() -> list[Json]:
                return list(answered(client.get("/audit", headers=HEADERS["pier"]))["entries"])

            wait_until(lambda: len(audit()) == 2, "nothing was fetched")
            fetched, _ = audit()
            assert (fetched["who"], fetched["by"], fetched["readings"]["new"]) == (None, "source", 20)


def releases(client: httpx.Client) -> list[Json]:
    listed = answered(client.get("/audit", headers=HEADERS["ops"]))["entries"]
    return [each for each in listed if each["release"] is not None]


@pytest.mark.long
def test_loads_unloads_and_rollbacks_are_audited_once(artifacts: Path, trained_twice: Path, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    shutil.copytree(artifacts, folder)
    old, newer = (open_current(place, "nino12").path for place in (artifacts, trained_twice))
    new = shutil.copytree(newer, folder / "nino12" / newer.name)
    url = f"sqlite:///{tmp_path}/sst.db"
    call = "/v2/repository/models/nino12-gru/"
    settings = keyed(folder, url, reload_seconds=0.05)
    # Two services that share a store, as two replicas do.
    with serve(settings) as client, serve(settings) as other:

        def served(service: httpx.Client) -> str:
            return str(answered(service.get("/models/nino12-gru"))["version"])

        def publish(version: str) -> None:
            point_current(folder / "nino12", version)
            wait_until(lambda: served(client) == served(other) == version, "the release was not loaded")

        for action in ("unload", "load"):
            client.post(f"{call}{action}", headers=HEADERS["ops"]).raise_for_status()
        assert not (tmp_path / "sst.db").exists(), "an audit creates no database"
        client.put("/stations/pier", headers=HEADERS["ops"], json={"step": "month", "model": "nino12-gru"})
        publish(new.name)
        publish(old.name)
        for action in ("unload", "load"):
            other.post(f"{call}{action}", headers=HEADERS["ops"]).raise_for_status()
        listed = releases(client)
    same = {"dataset": "nino12", "version": old.name, "previous": old.name, "model": "nino12-gru"}
    assert [(each["action"], each["who"], each["by"], each["release"]) for each in listed] == [
        ("loaded", "ops", "key", same),
        ("unloaded", "ops", "key", same),
        ("rolled_back", None, "service", same | {"previous": new.name, "model": None}),
        ("loaded", None, "service", same | {"version": new.name, "model": None}),
    ]


@pytest.mark.long
def test_a_key_that_loads_a_new_release_is_its_author(artifacts: Path, trained_twice: Path, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    shutil.copytree(artifacts, folder)
    old, newer = (open_current(place, "nino12").path for place in (artifacts, trained_twice))
    shutil.copytree(newer, folder / "nino12" / newer.name)
    with serve(keyed(folder, f"sqlite:///{tmp_path}/sst.db", reload_seconds=3_600)) as client:
        client.put("/stations/pier", headers=HEADERS["ops"], json={"step": "month", "model": "nino12-gru"})
        point_current(folder / "nino12", newer.name)
        client.post("/v2/repository/models/nino12-gru/load", headers=HEADERS["ops"]).raise_for_status()
        (loaded,) = releases(client)
    assert (loaded["action"], loaded["who"]) == ("loaded", "ops")
    assert loaded["release"] == {"dataset": "nino12", "version": newer.name, "previous": old.name, "model": None}


def test_a_load_does_not_fail_with_the_audit(artifacts: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sst.db").write_bytes(b"no database" * 1_000)
    with serve(keyed(artifacts, f"sqlite:///{tmp_path}/sst.db")) as client:
        client.post("/v2/repository/models/nino12-gru/unload", headers=HEADERS["ops"]).raise_for_status()
    assert "unloaded of nino12-gru is not in the audit: " in caplog.text
