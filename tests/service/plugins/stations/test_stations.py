"""``/stations``: create, change, list and delete."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from service.middleware.keys import Key, Role, new_key
from service.plugins.stations.schemas import StationPage
from service.settings import Settings
from tests.servers.postgres import Cluster
from tests.service.plugins.stations.conftest import NewStation
from tests.service.requests import Json, answered
from tests.serving import serve

PIER = {"step": "day", "name": "The pier", "latitude": 54.27, "longitude": -8.61, "units": "kelvin"}


def test_a_station_is_created_and_comes_back_as_it_was_sent(service: httpx.Client) -> None:
    created = service.put("/stations/pier", json=PIER)
    assert created.status_code == 201
    again = answered(service.put("/stations/pier", json=PIER))
    assert again == created.json() == answered(service.get("/stations/pier"))
    assert {name: again[name] for name in PIER} == PIER
    assert again["newest"] is None


def test_a_field_that_a_later_put_leaves_out_gets_its_default(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(name="Buoy", units="fahrenheit")
    changed = answered(service.put(f"/stations/{station}", json={"step": "P7D", "horizon": 1}))
    assert (changed["name"], changed["units"], changed["step"]) == (None, "celsius", "week")


def test_the_newest_observation_is_shown_in_the_units_of_the_station(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(units="fahrenheit")
    service.post(f"/stations/{station}/observations", json={"start": "2025-06-01", "values": [50, 59, None]})
    newest = answered(service.get(f"/stations/{station}"))["newest"]
    assert (newest["time"], newest["sst"]) == ("2025-06-02T00:00:00Z", 59)
    assert newest["age_seconds"] > 86_400


def test_stations_are_listed_in_pages(service: httpx.Client, new_station: NewStation) -> None:
    created = [new_station() for _ in range(5)]
    listed: list[str] = []
    page: Json = {"next": created[0][:-1]}
    while page["next"] is not None:
        page = answered(service.get("/stations", params={"limit": 2, "after": page["next"]}))
        assert len(page["stations"]) <= 2
        listed += [station["id"] for station in page["stations"]]
    assert [station for station in listed if station in created] == created


@pytest.mark.parametrize("query", [{}, {"recent": True}])
@pytest.mark.parametrize("units", ["celsius", "kelvin"])
def test_a_page_says_of_a_station_what_its_own_call_says(
    service: httpx.Client, new_station: NewStation, units: str, query: dict[str, bool]
) -> None:
    webhook = {"url": "https://hooks.example/sst", "secret": "sixteen characters"}
    event = {"name": "warm", "above": 20.0 if units == "celsius" else 293.15}
    source = {"erddap": {"server": "https://erddap.example/erddap", "dataset": "buoys", "variable": "sst"}}
    station = new_station(units=units, events=[event], webhooks=[webhook], source=source)
    values = [(15 if units == "celsius" else 288.15) + day % 3 for day in range(30)]
    service.post(f"/stations/{station}/observations", json={"start": "2025-06-01", "values": values}).raise_for_status()
    alone = answered(service.get(f"/stations/{station}", params=query))
    page = answered(service.get("/stations", params=query | {"search": station}))
    (listed,) = StationPage.model_validate(page).model_dump(mode="json")["stations"]
    assert page["stations"] == [listed]
    # Time goes on between the two calls.
    later: dict[str, Any] = {name: alone[name] for name in ("newest", "fetch")}
    later["summary"] = listed["summary"] | {name: alone["summary"][name] for name in ("newest", "attention")}
    assert {name: alone[name] for name in listed} == listed | later
    assert [interval["level"] for interval in listed["forecast"]["intervals"]] == [80]


def test_the_step_cannot_change_once_there_are_readings(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    service.post(f"/stations/{station}/observations", json={"start": "2025-06-01", "values": [10]}).raise_for_status()
    refused = service.put(f"/stations/{station}", json={"step": "hour"})
    assert refused.status_code == 409
    assert 'send "step": "day", create another station, or delete this one first' in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "body.step: this field is required"),
        ({"step": "fortnight"}, "body.step: unknown step 'fortnight': write month, week, day, hour"),
        ({"step": "day", "latitude": 54.0}, "longitude is missing: give both latitude and longitude, or neither"),
        ({"step": "day", "latitude": 91, "longitude": 0}, "body.latitude: must be less than or equal to 90"),
        ({"step": "day", "name": "a\u0000b"}, "body.name: must be one line, without control characters"),
        (
            {"step": "day", "model": "nino12-gru"},
            "nino12-gru forecasts steps of one month, but the step of the station is one day: name a model",
        ),
        (
            {"step": "week", "model": "ocean-daily-gru"},
            "the step is one week, but ocean-daily forecasts steps of one day",
        ),
        ({"step": "day", "horizon": 10_000}, "horizon 10000 is out of range: ocean-daily forecasts 1 to "),
        ({"step": "day", "model": "transformer", "horizon": 10_000}, "horizon 10000 is out of range: ocean-daily "),
        ({"step": "P2D", "horizon": 10_000}, "steps of 2 days"),
        ({"step": "P30D"}, "which do not reach one step of 30 days: use a shorter step"),
        (
            {"step": "month", "model": "nino12-gru", "horizon": 10_000},
            "horizon 10000 is out of range: nino12-gru forecasts 1 to ",
        ),
        ({"step": "day", "colour": "red"}, "body.colour: unknown field; see /docs for the known ones"),
    ],
)
def test_a_station_that_makes_no_sense_is_refused_with_the_place(
    service: httpx.Client, body: dict[str, object], sentence: str
) -> None:
    refused = service.put("/stations/odd", json=body)
    assert refused.status_code == 422
    assert sentence in refused.json()["detail"].replace("String should", "must")
    assert service.get("/stations/odd").status_code == 404


@pytest.mark.parametrize(
    ("model", "step", "choices"),
    [
        ("transformer", "day", "best, rnn, lstm, gru, ocean-daily-rnn, ocean-daily-lstm, ocean-daily-gru"),
        ("persistence", "week", "best, rnn, lstm, gru"),
        (
            "ocean-daily-transformer",
            "month",
            "best, rnn, lstm, gru, nino12-rnn, nino12-lstm, nino12-gru, ocean-monthly-rnn, ocean-monthly-lstm, "
            "ocean-monthly-gru",
        ),
    ],
)
def test_the_choices_for_an_unknown_model_are_those_that_a_station_of_its_step_can_have(
    service: httpx.Client, new_station: NewStation, model: str, step: str, choices: str
) -> None:
    refused = service.put("/stations/odd", json={"step": step, "model": model, "horizon": 1})
    assert refused.status_code == 404
    assert refused.json()["detail"].startswith(f"no model '{model}'")
    assert refused.json()["detail"].endswith(f"available: {choices}")
    for name in choices.split(", "):
        new_station(step=step, model=name, horizon=1)


def test_without_universal_releases_a_station_can_have_models_of_places(artifacts: Path, tmp_path: Path) -> None:
    presented, key = new_key("ops", Role.ADMIN)
    settings = Settings(artifacts=artifacts, keys=SecretStr(key.line), store=SecretStr(f"sqlite:///{tmp_path}/sst.db"))
    with serve(settings) as client:
        client.headers["Authorization"] = f"Bearer {presented}"

        def refusal(model: str) -> str:
            refused = client.put("/stations/pier", json={"step": "month", "model": model})
            assert refused.status_code == 404
            return str(refused.json()["detail"])

        sentence, _, choices = refusal("transformer").partition("; available: ")
        assert (sentence, choices) == ("no model 'transformer'", "best, nino12-rnn, nino12-lstm, nino12-gru")
        for name in choices.split(", "):
            client.put("/stations/pier", json={"step": "month", "model": name}).raise_for_status()
        for model in answered(client.get("/models"))["models"]:
            client.post(f"/v2/repository/models/{model['model']}/unload").raise_for_status()
        assert refusal("nino12-gru").startswith("all models of nino12 are unloaded: load one again")


@pytest.mark.parametrize("station", ["-pier", "a b", "p" * 65, "é"])
def test_an_id_is_short_and_safe_in_addresses_and_files(service: httpx.Client, station: str) -> None:
    refused = service.put(f"/stations/{station}", json={"step": "day"})
    assert refused.status_code == 422
    assert "an ID has up to 64 letters, digits, dots, hyphens and underscores" in refused.json()["detail"]


def test_an_unknown_station_gets_a_404_that_says_how_to_create_it(service: httpx.Client) -> None:
    sentence = "no station 'nowhere': create it with PUT /stations/nowhere, or see GET /stations"
    answers = [
        service.get("/stations/nowhere"),
        service.get("/stations/nowhere/observations"),
        service.post("/stations/nowhere/observations", json={"start": "2025-06-01", "values": [1]}),
    ]
    assert [(answer.status_code, answer.json()["detail"]) for answer in answers] == [(404, sentence)] * 3


def test_writing_and_deleting_need_a_station_key(seas: Path, tmp_path: Path) -> None:
    keys = {role: new_key(role, role) for role in Role}
    headers = {role: {"Authorization": f"Bearer {text}"} for role, (text, _) in keys.items()}
    lines = SecretStr("\n".join(key.line for _, key in keys.values()))
    settings = Settings(artifacts=seas, keys=lines, store=SecretStr(f"sqlite:///{tmp_path}/sst.db"))
    forecast, station, admin = headers[Role.FORECAST], headers[Role.STATION], headers[Role.ADMIN]
    with serve(settings) as client:

        def status(method: str, path: str, sent: dict[str, str], body: object = None) -> int:
            return client.request(method, path, headers=sent, json=body).status_code

        reading = {"start": "2025-06-01", "values": [10]}
        assert [status("PUT", "/stations/a", sent, {"step": "day"}) for sent in ({}, forecast, station, admin)] == [
            401, 403, 201, 200,
        ]  # fmt: skip
        path = "/stations/a/observations"
        assert [status("POST", path, sent, reading) for sent in ({}, forecast, station)] == [401, 403, 200]
        many = {"readings": [{"station": "a", **reading}]}
        assert [status("POST", "/observations", sent, many) for sent in ({}, forecast, station)] == [401, 403, 200]
        assert [status("GET", path, sent) for sent in ({}, forecast, station)] == [404, 404, 200]
        assert [status("DELETE", "/stations/a", sent) for sent in ({}, forecast, station, admin, admin)] == [
            401, 403, 204, 404, 404,
        ]  # fmt: skip
        assert [status("DELETE", path, sent) for sent in ({}, forecast, station, admin)] == [405] * 4


def test_methods_that_a_path_lacks_are_a_405_that_lists_those_it_has(service: httpx.Client) -> None:
    for template, operations in answered(service.get("/openapi.json"))["paths"].items():
        if template.startswith(("/stations", "/observations")):
            methods = {method.upper() for method in operations}
            path, allowed = template.replace("{id}", "pier"), methods | ({"HEAD"} if "GET" in methods else set())
            for method in {"DELETE", "PATCH", "POST", "PUT"} - methods:
                refused = service.request(method, path, json={})
                assert refused.status_code == 405, (method, path)
                assert set(refused.headers["Allow"].split(", ")) == allowed


def test_without_keys_on_loopback_everyone_may_delete(service: httpx.Client, new_station: NewStation) -> None:
    path = f"/stations/{new_station()}"
    assert [service.delete(path).status_code for _ in range(2)] == [204, 404]


ROLES = {"pier": Role.STATION, "boat": Role.STATION, "ops": Role.ADMIN}


def keyed(artifacts: Path, store: str, keys: Sequence[Key]) -> Settings:
    return Settings(artifacts=artifacts, store=SecretStr(store), keys=SecretStr("\n".join(key.line for key in keys)))


@pytest.mark.long
def test_a_station_belongs_to_the_name_of_the_key_that_created_it(seas: Path, store_url: str) -> None:
    made = {name: new_key(name, role) for name, role in ROLES.items()}
    reading = {"start": "2025-06-01", "values": [10]}
    with serve(keyed(seas, store_url, [])) as client:
        client.put("/stations/older", json={"step": "day"}).raise_for_status()

    def ask(client: httpx.Client, name: str, method: str, station: str, body: object = None) -> int:
        path = f"/stations/{station}/observations" if method == "POST" else f"/stations/{station}"
        sent = {"Authorization": f"Bearer {made[name][0]}"}
        return client.request(method, path, headers=sent, json=body).status_code

    with serve(keyed(seas, store_url, [key for _, key in made.values()])) as client:
        assert ask(client, "pier", "PUT", "a", {"step": "day", "visibility": "shared"}) == 201
        for name, status in (("pier", 200), ("boat", 403), ("ops", 200)):
            assert ask(client, name, "GET", "a") == 200
            changed = {"step": "day", "name": name, "visibility": "shared"}
            assert ask(client, name, "PUT", "a", changed) == status, name
            assert ask(client, name, "POST", "a", reading) == status, name
            assert ask(client, name, "POST", "older", reading) == 200, name
        assert ask(client, "boat", "PUT", "a", {"step": "day", "webhooks": [{"url": "https://hooks.example/…"}]}) == 403
        assert ask(client, "boat", "PUT", "b", {"step": "day"}) == 201
        many = {"readings": [{"station": name, **reading} for name in ("a", "b")]}
        sent = {"Authorization": f"Bearer {made['boat'][0]}"}
        refused, stored = answered(client.post("/observations", headers=sent, json=many))["stations"]
        assert (stored["station"], stored["new"]) == ("b", 1)
        assert refused["error"].startswith("station 'a' belongs to another key: use the key that created it")
        assert ask(client, "boat", "DELETE", "a") == 403
        assert ask(client, "boat", "PATCH", "a/observations/2025-06-01", {"flag": 4}) == 403
        tests = [client.post("/stations/a/webhooks/test", json={}, headers={"Authorization": f"Bearer {made[name][0]}"})
                 for name in ("boat", "pier")]  # fmt: skip
        assert [tried.status_code for tried in tests] == [403, 422]
        assert [ask(client, name, "DELETE", "a/observations/2025-06-01") for name in ("boat", "pier")] == [403, 200]
    # A new secret under the same name.
    made["pier"] = new_key("pier", Role.STATION)
    with serve(keyed(seas, store_url, [key for _, key in made.values()])) as client:
        assert [ask(client, name, "DELETE", "a") for name in ("boat", "pier")] == [403, 204]
        assert [ask(client, name, "DELETE", "older") for name in ("boat", "ops")] == [204, 404]


def test_without_a_writable_store_only_calls_about_stations_fail(seas: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_text("")
    with serve(Settings(artifacts=seas, store=SecretStr(f"sqlite:///{folder}/sst.db"))) as client:
        refused = client.put("/stations/pier", json={"step": "day"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        assert refused.json()["detail"].startswith("sst.db: ")
        assert answered(client.get("/access"))["create_stations"] is False
        answered(client.get("/models"))
        folder.unlink()
        assert client.put("/stations/pier", json={"step": "day"}).status_code == 201
        assert answered(client.get("/access")) == {
            "role": None, "create_stations": True, "change_stations": True, "needs_key": False, "reason": None,
        }  # fmt: skip


@pytest.mark.parametrize("store", ["sqlite:///{folder}/damaged.db", "postgresql://nobody@127.0.0.1:1/sst"])
def test_a_store_that_cannot_be_used_offers_nothing(seas: Path, tmp_path: Path, store: str) -> None:
    (tmp_path / "damaged.db").write_bytes(b"no database" * 1_000)
    with serve(Settings(artifacts=seas, store=SecretStr(store.format(folder=tmp_path)))) as client:
        access = answered(client.get("/access"))
        assert (access["create_stations"], access["needs_key"]) == (False, False)
        assert access["reason"] == client.put("/stations/pier", json={"step": "day"}).json()["detail"]


@pytest.mark.long
def test_a_server_that_only_reads_is_not_writable(seas: Path, postgres: Cluster) -> None:
    store = postgres.new_database()
    with serve(Settings(artifacts=seas, store=SecretStr(store))) as client:
        client.put("/stations/pier", json={"step": "day"}).raise_for_status()
        assert permissions(client) == (None, True, False, "", True)
    with psycopg.connect(store.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on".encode())
    with serve(Settings(artifacts=seas, store=SecretStr(store))) as client:
        reason = "the database of stations cannot be written; ask the operator of the service"
        assert permissions(client) == (None, False, False, reason, False)


def permissions(client: httpx.Client, key: str | None = None) -> tuple[str | None, bool, bool, str, bool]:
    """Return the answer of ``GET /access``, its reason as text, and whether the pier is writable."""
    sent = {"Authorization": f"Bearer {key}"} if key else {}
    access = answered(client.get("/access", headers=sent))
    writable = answered(client.get("/stations/pier", headers=sent))["writable"]
    return access["role"], access["create_stations"], access["needs_key"], access["reason"] or "", writable


@pytest.mark.long
@pytest.mark.parametrize("allow_anonymous", [None, True])
def test_the_service_says_what_a_key_may_do(seas: Path, tmp_path: Path, allow_anonymous: bool | None) -> None:
    store = f"sqlite:///{tmp_path}/sst.db"
    roles = ROLES | {"reader": Role.FORECAST}
    made = {name: new_key(name, role) for name, role in roles.items()}
    settings = keyed(seas, store, [key for _, key in made.values()])
    with serve(settings.model_copy(update={"allow_anonymous": allow_anonymous})) as client:
        sent = {"Authorization": f"Bearer {made['pier'][0]}"}
        shared = {"step": "day", "visibility": "shared"}
        assert client.put("/stations/pier", headers=sent, json=shared).json()["writable"] is True
        needed = "writing stations and their readings needs a station key"
        assert permissions(client) == (None, False, True, needed, False)
        assert permissions(client, made["reader"][0]) == (
            "forecast", False, True, f"{needed}, but the key of reader is a forecast key", False,
        )  # fmt: skip
        assert permissions(client, made["pier"][0]) == ("station", True, False, "", True)
        assert permissions(client, made["boat"][0]) == ("station", True, False, "", False)
        assert permissions(client, made["ops"][0]) == ("admin", True, False, "", True)
        assert client.get("/access", headers={"Authorization": "Bearer wrong"}).status_code == 401
    with serve(keyed(seas, store, [made["reader"][1]])) as client:
        role, creates, needs_key, reason, writable = permissions(client)
        assert (role, creates, needs_key, writable) == (None, False, False, False)
        assert reason.startswith(f"{needed}, but none is configured: create one with python -m service key")


def test_what_cannot_be_written_is_not_writable(seas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Settings(artifacts=seas, store=SecretStr(f"sqlite:///{tmp_path}/sst.db"))) as client:
        assert answered(client.get("/access"))["create_stations"] is True
        assert not (tmp_path / "sst.db").exists()
        client.put("/stations/pier", json={"step": "day"}).raise_for_status()
        # Root may write whatever the mode of a file says.
        monkeypatch.setattr("os.access", lambda path, mode: False)
        reason = "the database of stations cannot be written; ask the operator of the service"
        assert permissions(client) == (None, False, False, reason, False)
