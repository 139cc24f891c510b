"""Sequences of calls along the links of the OpenAPI document: each answer conforms to it, and to what was done before.

``make fuzz`` makes many more sequences, and different ones in each run.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize
from pydantic import SecretStr
from schemathesis.core.transport import Response
from schemathesis.generation.stateful.control import TransitionController
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput
from schemathesis.specs.openapi.stateful import OpenAPIStateMachine

from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.servers.webhook_receiver import receiving
from tests.service.api.openapi import openapi_document
from tests.service.api.schemathesis_config import CHECKS
from tests.service.requests import Json
from tests.serving import serve

pytestmark = pytest.mark.long

logger = logging.getLogger(__name__)

Case = schemathesis.Case[Any]

CONFIG = schemathesis.Config.from_dict(
    {
        **CHECKS,
        "operations": [
            *CHECKS["operations"],
            # A reading that was taken back can be corrected, which brings it back.
            {
                "include-name": "PATCH /stations/{id}/observations/{time}",
                "checks": {"use_after_free": {"enabled": False}},
            },
        ],
        # The tests of single calls send invalid requests.
        "generation": {"mode": "positive"},
        # Follow the links of the document, and no others.
        "phases": {"stateful": {"inference": {"algorithms": []}}},
    }
)
DOCUMENT = schemathesis.openapi.from_dict(deepcopy(openapi_document()), config=CONFIG)
OPERATIONS: Final[dict[str, Json]] = {
    f"{method.upper()} {path}": operation
    for path, operations in openapi_document()["paths"].items()
    for method, operation in operations.items()
}
ROLES: Final = {"pier": Role.STATION, "boat": Role.STATION, "ops": Role.ADMIN}
KEYS: Final = {name: new_key(name, role) for name, role in ROLES.items()}
HEADERS: Final = {name: {"Authorization": f"Bearer {text}"} for name, (text, _) in KEYS.items()}
WEBHOOK: Final = "http://127.0.0.1:9/sst"
"""A webhook in generated settings, in place of the receiver, which has another address in each run."""

LENGTH: Final = 40
"""Calls in a sequence."""

sequences = settings(
    max_examples=settings().max_examples * 2 // 3,
    stateful_step_count=LENGTH,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[*HealthCheck],
)


def operation_of(case: Case) -> str:
    """Return the ID of the operation that a case calls."""
    return str(OPERATIONS[case.operation.label]["operationId"])


# Only recent readings raise alerts.
Days = st.integers(60, 90).map(lambda days: date.today() - timedelta(days=days))
Temperatures = st.integers(0, 99).map(lambda number: {98: None, 99: 29.0}.get(number, 17.5 + number / 100))
EVENTS: Final[list[Json]] = [
    {"name": "warm", "above": 18.0, "for": 2, "alert_at": 0.5},
    {"name": "heatwave", "kind": "marine_heatwave"},
    {"name": "stress", "kind": "degree_heating_weeks", "mmm": 15.0},
]
StationSettings = st.fixed_dictionaries(
    {
        "step": st.sampled_from([*["day"] * 7, "month"]),
        "webhooks": st.sampled_from([[{"url": WEBHOOK}], [{"url": WEBHOOK, "health": True}]]),
    },
    optional={
        "model": st.sampled_from(["best", "rnn", "lstm", "gru"]),
        "horizon": st.integers(1, 7),
        "events": st.lists(st.sampled_from(EVENTS), unique_by=lambda event: str(event["name"])),
        "baseline": st.just("position"),
        "alert_within": st.just("P366D"),
        "silent_after": st.sampled_from(["auto", "P2D", None]),
        "visibility": st.sampled_from(["private", "shared"]),
    },
)
Readings = st.fixed_dictionaries(
    {"start": Days.map(date.isoformat), "values": st.lists(Temperatures, min_size=30, max_size=50)}
)


def as_csv(readings: Json) -> str:
    """Return daily readings as a CSV file."""
    start = date.fromisoformat(readings["start"])
    rows = [f"{start + timedelta(days=i)},{'' if sst is None else sst}" for i, sst in enumerate(readings["values"])]
    return "\n".join(["time,sst", *rows])


def often(usable: st.SearchStrategy[Any], generated: Any) -> st.SearchStrategy[Any]:
    """Return what the service accepts, and one time in ten, what is valid by the document alone."""
    return st.integers(0, 9).flatmap(lambda number: st.just(generated) if number == 9 else usable)


def with_position(station: Json) -> st.SearchStrategy[Json]:
    """Return the settings with a position, which an event may need."""
    degrees = st.integers(-10, 10)
    return degrees.map(lambda north: station | {"latitude": north, "longitude": north - 140})


USABLE_BODIES: Final[dict[str, Callable[[Any], st.SearchStrategy[Any]]]] = {
    "putStation": lambda _: StationSettings.flatmap(with_position),
    "sendReadings": lambda body: Readings if isinstance(body, dict) else Readings.map(as_csv),
    "sendAllReadings": lambda _: Readings.map(lambda readings: {"readings": [{"station": "pier", **readings}]}),
    "correctReading": lambda _: st.fixed_dictionaries({"value": st.integers(10, 25), "flag": st.sampled_from([1, 3])}),
    "testWebhooks": lambda _: st.just({}),
    "readFile": lambda _: Readings.map(as_csv),
    # Their series come from a file.
    **dict.fromkeys(("forecastSeries", "compareSeries", "listEvents"), lambda _: st.just({})),
}
FILES: Final = {"sendReadings", "readFile", "forecastSeries", "compareSeries", "listEvents"}
"""Calls whose query says how to read a body that is not JSON, or repeats what is in the body."""


@DOCUMENT.hook
def flatmap_body(context: Any, body: Any) -> st.SearchStrategy[Any]:
    """Make most bodies ones that the service accepts: few of those that the document allows are."""
    usable = USABLE_BODIES.get(OPERATIONS[context.operation.label]["operationId"])
    return st.just(body) if usable is None else often(usable(body), body)


@DOCUMENT.hook
def flatmap_query(context: Any, query: Json | None) -> st.SearchStrategy[Json | None]:
    """Make most queries ones that the service accepts, in which no period ends before it begins."""
    if not query:
        return st.just(query)
    if OPERATIONS[context.operation.label]["operationId"] in FILES:
        return often(st.just({}), query)
    begin, end = date.today() - timedelta(days=90), date.today()
    values = {"from": begin.isoformat(), "to": end.isoformat(), "latitude": -2.2, "longitude": 177.3}
    known = {name: values.get(name, value) for name, value in query.items() if name != "station"}
    return often(st.just(known), query)


@DOCUMENT.hook
def flatmap_path_parameters(context: Any, path_parameters: Json | None) -> st.SearchStrategy[Json | None]:
    """Name what may be there, where no link does."""
    names = {"time": st.just((date.today() - timedelta(days=55)).isoformat()), "outlook": st.just("latest")}
    usable = {name: names.get(name, st.just(value)) for name, value in (path_parameters or {}).items()}
    return often(st.fixed_dictionaries(usable), path_parameters) if usable else st.just(path_parameters)


class LinkedCalls(OpenAPIStateMachine):
    """Calls with the key of an admin, counted by operation and status; those of the last sequence are in a log."""

    caller: ClassVar = "ops"
    url: ClassVar[str]
    session: ClassVar[requests.Session]
    calls: ClassVar[Counter[tuple[str, int]]]
    links: ClassVar[Counter[str]]
    log: ClassVar[list[str]]

    @classmethod
    def along(
        cls, tags: Sequence[str], url: str, session: requests.Session, **attributes: object
    ) -> "type[LinkedCalls]":
        """Return the state machine of the operations with one of the tags."""
        others = DOCUMENT.exclude(lambda context: {*tags}.isdisjoint(context.operation.tags or ()))
        counted = {"calls": Counter(), "links": Counter(), "url": url, "session": session}
        machine = type(cls.__name__, (cls, others.as_state_machine()), counted | attributes)
        # The seed that hypothesis derives from a class made here differs from process to process.
        return seed(0)(machine) if sequences.derandomize else machine

    @classmethod
    def run(cls, *, settings: settings | None = None) -> None:
        try:
            super().run(settings=settings)
        except BaseException:
            logger.error("the calls of the sequence that fails:\n%s", "\n".join(cls.log))
            raise

    @classmethod
    def succeeded(cls) -> set[str]:
        """Return the operations that were answered with 2xx at least once."""
        return {operation for operation, status in cls.calls if status < HTTPStatus.MULTIPLE_CHOICES}

    def setup(self) -> None:
        self.failed = False
        type(self).log = []

    def get_call_kwargs(self, case: Case) -> Json:
        return {"base_url": self.url, "session": self.session, "headers": HEADERS[self.caller]}

    def step(self, input: StepInput) -> StepOutput:  # noqa: A002
        try:
            output = super().step(input)
        except BaseException:
            self.failed = True
            raise
        if input.transition is not None and output.response.status_code < HTTPStatus.BAD_REQUEST:
            self.links[input.transition.id] += 1
        return output

    def after_call(self, response: Response, case: Case) -> None:
        super().after_call(response, case)
        self.calls[operation_of(case), response.status_code] += 1
        self.log.append(f"{response.request.method} {response.request.url} {response.status_code} {case.body!r}"[:400])


class ModelCalls(LinkedCalls):
    """Calls about models, some of which are unloaded meanwhile."""

    def teardown(self) -> None:
        call = partial(self.session.post, headers=HEADERS[self.caller])
        for model in call(f"{self.url}/v2/repository/index").json():
            if model["state"] != "READY":
                call(f"{self.url}/v2/repository/models/{model['name']}/load").raise_for_status()


LIST: Final = DOCUMENT["/stations"]["GET"]
NUMBERS: Final = count(1)
LIVES: Final = (
    ["putStation", "sendReadings", "getStationForecast", "correctReading"],
    ["putStation", "sendReadings", "getStationForecast", "deleteStation", "gone"],
)
MAY_FIND_NOTHING: Final = {"putStation", "getStationForecast", "correctReading", "takeBackReading"}
"""Calls about a station that exists that are answered with 404 if there is no such model, forecast or reading."""


class Patient(TransitionController):
    """Deletes stations only in the second half of a sequence: one that is deleted at once has nothing to lose."""

    def __init__(self, machine: "StationCalls") -> None:
        super().__init__(machine.control.transitions, machine.control.roots)
        self._machine = machine

    def allow_transition(self, source: str, target: str) -> bool:
        is_early = len(self._machine.log) < LENGTH // 2
        return super().allow_transition(source, target) and not (is_early and target == "DELETE /stations/{id}")


class StationCalls(LinkedCalls):
    """Calls about stations that belong to the key `pier`, each tried with the key `boat` first."""

    caller: ClassVar = "pier"
    webhook: ClassVar[str]
    lives: ClassVar[list[list[str]]]

    def setup(self) -> None:
        super().setup()
        self.control = Patient(self)
        self.visibility: dict[str, str] = {}
        self.life: dict[str, list[str]] = {}

    @initialize(target=Bundle("stations"), case=DOCUMENT["/stations/{id}"]["PUT"].as_strategy())
    def create(self, case: Case) -> StepOutput:
        """Begin with a station."""
        begin = StepInput.initial(case)
        self.recorder.record_case(case=case)
        self.control.record_step(begin, self.recorder)
        return self.step(begin)

    def teardown(self) -> None:
        self.lives.extend(self.life.values())
        if not self.failed:
            answer = LIST.Case().call_and_validate(**self.get_call_kwargs(LIST.Case()))
            assert {each["id"] for each in answer.json()["stations"]} == {*self.visibility}
        for station in self.visibility:
            self.session.delete(f"{self.url}/stations/{station}", headers=HEADERS[self.caller]).raise_for_status()

    def before_call(self, case: Case) -> None:
        operation, stations, body = operation_of(case), [*self.visibility], cast(Json, case.body)
        if stations and operation != "putStation" and case.path_parameters.get("id", stations[-1]) not in self.life:
            # Where no link names a station, the generated ID is that of none.
            case.path_parameters["id"] = stations[-1]
        if operation == "sendAllReadings":
            for readings, station in zip(body["readings"], stations, strict=False):
                readings["station"] = station
        if operation == "putStation":
            if case.path_parameters["id"] not in self.life:
                # Each sequence has stations of its own, also when the service fails to delete those before.
                case.path_parameters["id"] = f"{next(NUMBERS)}.{case.path_parameters['id']}"[:64]
            for webhook in body.get("webhooks", ()):
                webhook["url"] = webhook["url"].replace(WEBHOOK, self.webhook)

    def call(self, case: Case, **options: Any) -> Response:
        operation, visibility = operation_of(case), self.visibility.get(case.path_parameters.get("id", ""))
        if visibility is not None or operation in {"listStations", "sendAllReadings"}:
            answer = case.call(**options | {"headers": HEADERS["boat"]})
            self._check_stranger(operation, visibility, answer)
        return super().call(case, **options)

    def _check_stranger(self, operation: str, visibility: str | None, answer: Response) -> None:
        """Check that a key gets and changes nothing of stations that are not its own, except what they share."""
        status = answer.status_code
        told = f"another key gets {status} from {operation} about a {visibility} station: {answer.text}"
        assert status < HTTPStatus.INTERNAL_SERVER_ERROR, told
        if operation == "listStations":
            assert all(each["visibility"] == "shared" for each in answer.json().get("stations", ())), told
        elif operation == "sendAllReadings":
            assert all("error" in each for each in answer.json().get("stations", ())), told
        elif visibility == "private" or answer.request.method != "GET":
            assert status >= HTTPStatus.BAD_REQUEST, told
            # It must not even say that there is a station.
            assert visibility == "shared" or status != HTTPStatus.FORBIDDEN, told

    def validate_response(self, response: Response, case: Case, *args: Any, **options: Any) -> None:
        super().validate_response(response, case, *args, **options)
        if "id" in case.path_parameters:
            self._check_station(case.path_parameters["id"], operation_of(case), response)

    def _check_station(self, station: str, operation: str, response: Response) -> None:
        """Check that a station is found from its creation to its deletion, and at no other time."""
        exists, status = station in self.visibility, response.status_code
        if status == HTTPStatus.NOT_FOUND:
            assert not exists or operation in MAY_FIND_NOTHING, f"{operation} finds no station: {response.text}"
            if station in self.life and not exists:
                self.life[station].append("gone")
        if status >= HTTPStatus.BAD_REQUEST:
            return
        assert exists or operation == "putStation", f"{operation} finds a station that does not exist"
        self.life.setdefault(station, []).append(operation)
        if operation == "putStation":
            answer = response.json()
            assert status == (HTTPStatus.OK if exists else HTTPStatus.CREATED)
            # A new station has nothing of one that had the same ID.
            assert exists or (answer["newest"], answer["forecast"]) == (None, None)
            self.visibility[station] = answer["visibility"]
        elif operation == "deleteStation":
            del self.visibility[station]


@pytest.fixture(scope="module")
def url(seas: Path, outlooks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with keys, releases of all kinds, an outlook and no stations."""
    with serve(
        Settings(
            artifacts=seas,
            outlooks=outlooks,
            store=SecretStr(f"sqlite:///{tmp_path_factory.mktemp('sequences')}/sst.db"),
            keys=SecretStr("\n".join(key.line for _, key in KEYS.values())),
            rate_limit=0,
            allow_private_addresses=True,
        )
    ) as client:
        yield str(client.base_url).rstrip("/")


def operations_with(*tags: str) -> set[str]:
    return {operation["operationId"] for operation in OPERATIONS.values() if {*tags} & {*operation["tags"]}}


def test_a_station_is_there_for_its_owner_from_its_creation_to_its_deletion(
    url: str, session: requests.Session
) -> None:
    lives: list[list[str]] = []
    with receiving() as receiver:
        machine = StationCalls.along(["stations"], url, session, webhook=receiver.url, lives=lives)
        machine.run(settings=sequences)
    assert machine.succeeded() == operations_with("stations")
    for steps in LIVES:
        assert any(all(step in rest for step in steps) for rest in map(iter, lives)), steps


def test_models_answer_as_the_document_says_also_when_they_are_unloaded(url: str, session: requests.Session) -> None:
    tags = ["models", "forecast", "compare", "series", "events", "inference protocol"]
    machine = ModelCalls.along(tags, url, session)
    machine.run(settings=settings(sequences, max_examples=sequences.max_examples // 2))
    linked = {"getModel", "getModelCard", "forecastSeries", "forecastDataset", "getPredictions", "getModelMetadata"}
    assert machine.succeeded() >= linked | {"loadModel", "unloadModel", "checkModelReadiness"}
    assert machine.calls["checkModelReadiness", HTTPStatus.NOT_FOUND]


def test_an_outlook_leads_to_its_points_and_rasters(url: str, session: requests.Session) -> None:
    machine = LinkedCalls.along(["outlooks"], url, session)
    machine.run(settings=settings(sequences, max_examples=sequences.max_examples // 10))
    assert machine.succeeded() == operations_with("outlooks")
