"""Whose a station is: who may read, write and delete it, and how many one key may have."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr

from service.middleware.keys import Role, new_key
from service.plugins.stations.schemas import StationPage
from service.settings import Settings
from tests.service.requests import Json, answered
from tests.serving import serve

ROLES: Final = {"pier": Role.STATION, "boat": Role.STATION, "reader": Role.FORECAST, "ops": Role.ADMIN}
MADE: Final = {name: new_key(name, role) for name, role in ROLES.items()}
HEADERS: Final[dict[str, dict[str, str]]] = {
    "nobody": {},
    **{name: {"Authorization": f"Bearer {text}"} for name, (text, _) in MADE.items()},
}

READINGS: Final = {"start": "2025-06-01", "values": [10 + day % 3 for day in range(30)]}
BODIES: Final[dict[str, Json]] = {
    "sendReadings": READINGS,
    "correctReading": {"flag": 1},
    "testWebhooks": {},
}
LISTS: Final = ("GET /stations", "POST /observations")
"""Calls about many stations, which have tests of their own."""


def keyed(artifacts: Path, store: str, **settings: Any) -> Settings:
    lines = "\n".join(key.line for _, key in MADE.values())
    return Settings(artifacts=artifacts, store=SecretStr(store), keys=SecretStr(lines), background=False, **settings)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("owned") / "sst.db"


@pytest.fixture(scope="module")
def open_service(seas: Path, store: Path) -> Iterator[httpx.Client]:
    """A service with keys that callers without one may call too."""
    with serve(keyed(seas, f"sqlite:///{store}", allow_anonymous=True)) as client:
        yield client


Put = Callable[[str], str]


@pytest.fixture
def put(open_service: httpx.Client, store: Path) -> Put:
    """Create the station of the pier with this visibility if there is none; ``legacy`` belongs to nobody."""

    def put(kind: str) -> str:
        path = f"/stations/{kind}"
        if open_service.get(path, headers=HEADERS["ops"]).status_code == 404:
            visibility = "private" if kind == "legacy" else kind
            settings = {"step": "day", "visibility": visibility}
            open_service.put(path, headers=HEADERS["pier"], json=settings).raise_for_status()
            open_service.post(f"{path}/observations", headers=HEADERS["pier"], json=READINGS).raise_for_status()
            if kind == "legacy":
                with closing(sqlite3.connect(store)) as database, database:
                    database.execute("UPDATE stations SET owner = NULL WHERE id = 'legacy'")
        return kind

    return put


def outcome(answer: httpx.Response, station: str) -> str:
    detail = answer.json()["detail"] if answer.status_code >= 400 else ""
    if answer.status_code == 404:
        sentence = f"no station '{station}': create it with PUT /stations/{station}, or see GET /stations"
        return "unknown" if detail == sentence else detail
    return {401: "no key", 403: "forbidden", 409: "taken"}.get(answer.status_code, "done")


OUTCOMES: Final = {
    ("private", "reads"): {"nobody": "unknown", "reader": "unknown", "boat": "unknown", "pier": "done", "ops": "done"},
    ("shared", "reads"): dict.fromkeys(HEADERS, "done"),
    ("legacy", "reads"): dict.fromkeys(HEADERS, "done"),
    ("private", "writes"): {
        "nobody": "no key", "reader": "forbidden", "boat": "unknown", "pier": "done", "ops": "done",
    },
    ("shared", "writes"): {
        "nobody": "no key", "reader": "forbidden", "boat": "forbidden", "pier": "done", "ops": "done",
    },
    ("legacy", "writes"): {"nobody": "no key", "reader": "forbidden", "boat": "done", "pier": "done", "ops": "done"},
}  # fmt: skip


def test_every_call_about_a_station_is_answered_as_its_owner_wants(open_service: httpx.Client, put: Put) -> None:
    paths = answered(open_service.get("/openapi.json"))["paths"]
    calls = {
        f"{method.upper()} {path}": (method.upper(), path, operation["operationId"])
        for path, operations in paths.items()
        if path.startswith(("/stations", "/observations"))
        for method, operation in operations.items()
    }
    assert {*LISTS} < {*calls}
    assert len(calls) > 10
    wrong = []
    for call, kind, caller in product(calls.keys() - {*LISTS}, ("private", "shared", "legacy"), HEADERS):
        method, path, operation = calls[call]
        address = path.replace("{id}", put(kind)).replace("{time}", "2025-06-20")
        body = {"step": "day", "visibility": kind} if operation == "putStation" else BODIES.get(operation)
        if kind == "legacy" and body and "visibility" in body:
            body = {"step": "day"}
        answer = open_service.request(method, address, headers=HEADERS[caller], json=body)
        expected = OUTCOMES[kind, "reads" if method == "GET" else "writes"][caller]
        if operation == "putStation" and expected == "unknown":
            expected = "taken"
        if outcome(answer, kind) != expected:
            wrong.append((call, kind, caller, answer.status_code, answer.text))
    assert wrong == []


def test_a_private_station_is_in_no_list_search_or_page_of_others(open_service: httpx.Client, put: Put) -> None:
    for kind in ("private", "shared", "legacy"):
        put(kind)

    def listed(caller: str, **query: Any) -> list[str]:
        page = answered(open_service.get("/stations", headers=HEADERS[caller], params=query))
        StationPage.model_validate(page)
        return [station["id"] for station in page["stations"]]

    for caller in ("nobody", "reader", "boat"):
        assert listed(caller) == ["legacy", "shared"]
        assert listed(caller, search="private") == []
        assert listed(caller, after="legacy", limit=1) == ["shared"]
    for caller in ("pier", "ops"):
        assert listed(caller) == ["legacy", "private", "shared"]
        assert listed(caller, search="PRIVATE", recent=True) == ["private"]


def test_a_batch_says_of_a_private_station_what_it_says_of_an_unknown_one(open_service: httpx.Client, put: Put) -> None:
    names = [put("private"), put("shared"), put("legacy"), "nowhere"]
    body = {"readings": [{"station": name, "start": "2025-07-10", "values": [10]} for name in names]}
    stations = answered(open_service.post("/observations", headers=HEADERS["boat"], json=body))["stations"]
    private, shared, legacy, unknown = stations
    assert private["error"].replace("private", "nowhere") == unknown["error"]
    assert shared["error"].startswith("station 'shared' belongs to another key: use the key that created it")
    assert legacy["new"] + legacy["unchanged"] == 1


def test_an_id_that_is_taken_by_a_private_station_tells_nothing_else(open_service: httpx.Client, put: Put) -> None:
    put("private")
    body = {"step": "hour", "webhooks": [{"url": "https://hooks.example/…"}]}
    taken = open_service.put("/stations/private", headers=HEADERS["boat"], json=body)
    assert (taken.status_code, taken.json()["detail"]) == (409, "the ID 'private' is taken: choose another ID")


def test_only_its_key_and_admins_see_the_owner_and_a_key_says_what_it_may_change(
    open_service: httpx.Client, put: Put
) -> None:
    put("shared"), put("legacy")

    def seen(caller: str, station: str) -> tuple[str | None, bool]:
        detail = answered(open_service.get(f"/stations/{station}", headers=HEADERS[caller]))
        (listed,) = answered(open_service.get("/stations", headers=HEADERS[caller], params={"search": station}))[
            "stations"
        ]
        assert listed["owner"] == detail["owner"]
        return detail["owner"], detail["writable"]

    assert {caller: seen(caller, "shared") for caller in HEADERS} == {
        "nobody": (None, False), "reader": (None, False), "boat": (None, False), "pier": ("pier", True),
        "ops": ("pier", True),
    }  # fmt: skip
    assert {caller: seen(caller, "legacy") for caller in HEADERS} == {
        "nobody": (None, False), "reader": (None, False), "boat": (None, True), "pier": (None, True),
        "ops": (None, True),
    }  # fmt: skip


def test_an_admin_gives_a_station_an_owner_and_nobody_else_does(open_service: httpx.Client, put: Put) -> None:
    put("legacy")

    def give(caller: str, station: str, owner: str) -> tuple[int, str]:
        body = {"step": "day", "owner": owner}
        answer = open_service.put(f"/stations/{station}", headers=HEADERS[caller], json=body)
        return answer.status_code, answer.json().get("detail", "")

    refused = "only an admin key can give a station another owner: leave owner out"
    assert give("boat", "legacy", "boat") == (403, refused)
    assert give("boat", "gift", "pier") == (403, refused)
    assert open_service.get("/stations/gift", headers=HEADERS["ops"]).status_code == 404
    assert give("ops", "legacy", "boot") == (
        422, "owner: no key has the name boot; leave it out to keep the owner",
    )  # fmt: skip
    assert give("ops", "legacy", "boat")[0] == 200
    assert give("boat", "legacy", "boat")[0] == 200
    assert open_service.get("/stations/legacy", headers=HEADERS["pier"]).status_code == 404
    # Without the field, it keeps its owner.
    kept = open_service.put("/stations/legacy", headers=HEADERS["ops"], json={"step": "day"})
    assert answered(kept)["owner"] == "boat"
    open_service.delete("/stations/legacy", headers=HEADERS["boat"]).raise_for_status()


def test_a_cache_keeps_the_card_of_a_station_from_others(open_service: httpx.Client, put: Put) -> None:
    for kind in ("private", "shared"):
        card = open_service.get(f"/stations/{put(kind)}/card.svg", headers=HEADERS["pier"])
        assert card.headers["Cache-Control"] == "private, max-age=300"
        assert "Authorization" in card.headers["Vary"]
        again = HEADERS["boat"] | {"If-None-Match": card.headers["ETag"]}
        status = open_service.get(f"/stations/{kind}/card.svg", headers=again).status_code
        assert status == (404 if kind == "private" else 304)
    # What is shown to callers without a key, any cache may keep.
    card = open_service.get("/stations/shared/card.svg")
    assert (card.headers["Cache-Control"], "Authorization" in card.headers["Vary"]) == ("max-age=300", True)


@pytest.mark.long
def test_without_keys_on_loopback_everything_is_one_owners(seas: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sst.db"
    with serve(keyed(seas, url)) as client:
        client.put("/stations/pier", headers=HEADERS["pier"], json={"step": "day"}).raise_for_status()
        # Forecasts are open on loopback, and stations are not.
        assert client.get("/stations/pier").status_code == 404
    with serve(Settings(artifacts=seas, store=SecretStr(url), background=False)) as client:
        station = answered(client.get("/stations/pier"))
        assert (station["owner"], station["visibility"], station["writable"]) == ("pier", "private", True)
        answered(client.put("/stations/pier", json={"step": "day", "visibility": "shared"}))
        assert client.delete("/stations/pier").status_code == 204
        assert answered(client.get("/audit"))["entries"][0]["by"] == "anyone"


def test_without_keys_elsewhere_strangers_see_what_is_shared(seas: Path, store: Path, put: Put) -> None:
    put("private"), put("shared")
    settings = Settings(
        artifacts=seas, store=SecretStr(f"sqlite:///{store}"), background=False, host="192.0.2.1", allow_anonymous=True
    )
    with serve(settings) as client:
        statuses = [client.get(f"/stations/{kind}").status_code for kind in ("private", "shared")]
        assert statuses == [404, 200]
        assert client.get("/audit").status_code == 403


SOURCE: Final = {"erddap": {"server": "https://erddap.example/erddap", "dataset": "buoys", "variable": "sst"}}


@pytest.mark.long
def test_a_key_has_no_more_stations_and_sources_than_it_may(seas: Path, store_url: str) -> None:
    with serve(keyed(seas, store_url, stations_per_key=3, sources_per_key=1)) as client:

        def put(caller: str, station: str, **settings: Any) -> httpx.Response:
            return client.put(f"/stations/{station}", headers=HEADERS[caller], json={"step": "day", **settings})

        def access(caller: str) -> Sequence[Any]:
            answer = answered(client.get("/access", headers=HEADERS[caller]))
            return [answer[name] for name in ("create_stations", "change_stations", "needs_key", "reason")]

        assert access("pier") == [True, True, False, None]
        with ThreadPoolExecutor(8) as threads:
            answers = [*threads.map(lambda i: put("pier", f"s{i}"), range(8))]
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
        refused = next(answer for answer in answers if answer.status_code == 409)
        full = (
            "the key pier has 3 stations, and may have at most 3 (SST_STATIONS_PER_KEY): delete one, or ask the "
            "operator of the service for more"
        )
        assert refused.json()["detail"] == full
        own = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        assert access("pier") == [False, True, False, full]
        with ThreadPoolExecutor(3) as threads:
            answers = [*threads.map(lambda name: put("pier", name, source=SOURCE), own)]
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert refused.json()["detail"] == (
            "the key pier has 1 station with a source, and may have at most 1 (SST_SOURCES_PER_KEY): remove the source "
            "of one, or ask the operator of the service for more"
        )
        # What it has may change.
        fetched = next(answer.json()["id"] for answer in answers if answer.status_code == 200)
        assert put("pier", fetched, source=SOURCE, name="Pier").status_code == 200
        # Each key has its own places, and an admin key as many as it likes.
        assert put("boat", "other", source=SOURCE).status_code == 201
        assert [put("ops", f"a{i}", source=SOURCE).status_code for i in range(4)] == [201] * 4
        assert put("ops", "given", owner="pier").status_code == 201
        assert [client.delete(f"/stations/{name}", headers=HEADERS["pier"]).status_code for name in (*own[:2],)] == [
            204, 204,
        ]  # fmt: skip
        assert put("pier", "new").status_code == 201
        assert put("pier", "newer").status_code == 409
