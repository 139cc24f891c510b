"""``/stations`` and ``/observations``: stations, what they observe, and what is forecast for them."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from forecasting.errors import MissingExtraError, RequestError
from forecasting.forecasts.options import Horizon
from forecasting.requests import ONE_LINE
from forecasting.series.timestep import TimeStep
from service.api.dependencies import ServingDep, SettingsDep
from service.api.openapi import links, problems, request_body
from service.engine.events import position_of
from service.http.bodies import require_json
from service.http.caching import revalidated
from service.http.problems import ProblemError
from service.middleware.access import KEY, too_many
from service.middleware.keys import ANONYMOUS, Key
from service.plugins.stations import observations
from service.plugins.stations.addresses import shown_address
from service.plugins.stations.alerts import (
    check_events,
    put_watching_station,
    stored_baseline,
    stored_events,
    trial_alert,
)
from service.plugins.stations.card import card_svg
from service.plugins.stations.durations import stored_silence
from service.plugins.stations.health import watch
from service.plugins.stations.issue import DEFAULT_HORIZON, check_model, check_uses_weather, issue_forecasts
from service.plugins.stations.parameters import (
    GUARD,
    PAGE,
    STATION_LINKS,
    AccessDep,
    After,
    BackgroundDep,
    CallerDep,
    Cursor,
    NotifierDep,
    OutboundDep,
    PageSize,
    Period,
    StationId,
    StationName,
    StationStoreDep,
    TimeQuery,
    WebhookTestsAtOnceDep,
    WebhookTestsDep,
    WriteProofDep,
    page_links,
    reading_links,
)
from service.plugins.stations.responses import (
    archive,
    audit,
    newest_forecast,
    page_json,
    station_alerts,
    station_detail,
)
from service.plugins.stations.schemas import (
    STATION_EXAMPLES,
    WEBHOOK_TEST_EXAMPLES,
    AccessAnswer,
    AlertList,
    AuditList,
    ForecastArchive,
    NewestForecast,
    StationDetail,
    StationPage,
    StationRequest,
    StationVerification,
    TriedDelivery,
    WebhookTest,
    WebhookTestRequest,
)
from service.plugins.stations.sources import check_source
from service.plugins.stations.store.alerts import Channel
from service.plugins.stations.store.database import StoreError
from service.plugins.stations.store.stations import Caller, StationSettings, delete_station, quota_refusal, station_for
from service.plugins.stations.verification import Form, Selection, verification
from service.plugins.stations.weather_fetching import check_origin, stored_origin
from service.plugins.stations.webhooks import (
    SECONDS,
    InputWebhook,
    check_webhooks,
    made_secrets,
    send_signed,
    tested_receivers,
)
from service.settings import Settings

router = APIRouter(tags=["stations"])

Json = dict[str, Any]
Sending = Coroutine[None, None, tuple[int | None, str | None]]

MAX_PAGE: Final = 1_000
"""Stations in one response."""

MAX_RECENT: Final = 100
"""Stations in one response with their recent past."""

Recent = Annotated[bool, Query(description="Return the last sixty days.")]


@router.put(
    "/stations/{id}",
    operation_id="putStation",
    summary="Create or change a station",
    response_model=StationDetail,
    responses={
        200: {"links": STATION_LINKS},
        201: {"model": StationDetail, "description": "The station is new.", "links": STATION_LINKS},
        **problems(400, 403, 404, 409, 413, 415, 422, 501, 503, 504),
    },
    openapi_extra=request_body(StationRequest, examples=STATION_EXAMPLES),
)
async def put_station(
    request: Request,
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    background: BackgroundDep,
    access: AccessDep,
    notifier: NotifierDep,
    caller: CallerDep,
    id: StationId,
    response: Response,
) -> StationDetail:
    """Create a station, or replace the settings of one. Its readings are kept.

    A field that you leave out is reset to its default. Only `step` is required, which cannot change once there are
    readings (409). An ID has up to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a
    digit. A station can have up to 20 `events`, 10 `webhooks` and 10 addresses to `notify`.

    Settings take effect at once: where events, position, baseline, model, horizon or `alert_within` change, a forecast
    is issued from the readings that are stored, and an event that they make true raises its alert.

    Where the service has keys, this call needs one with the role `station` or `admin`. A station belongs to the key
    that creates it: only this key and admin keys can change it, and other keys can read it if it is `shared`.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(StationRequest, await request.body(), 0, settings.max_body_bytes)
    check_model(serving, body.model, TimeStep.parse(body.step), body.horizon or DEFAULT_HORIZON)
    if body.weather is not None:
        check_uses_weather(serving, body.model)
    if body.owner is not None and not access.may_own(body.owner):
        raise RequestError(f"owner: no key has the name {body.owner}; leave it out to keep the owner", field="owner")
    stored = _stored_settings(body, settings)
    try:
        await notifier.check(body.notify)
    except MissingExtraError as error:
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, str(error)) from None
    created, made = await store.write(_save, id, stored, body.webhooks, caller, body.owner)
    if not created:
        # If the settings change what the readings mean, so that a forecast is due.
        await issue_forecasts(store, serving, [id], background.wake)
    detail = await store.read(station_detail, id, caller)
    background.wake()
    response.status_code = HTTPStatus.CREATED if created else HTTPStatus.OK
    webhooks = [webhook.model_copy(update={"secret": made.get(webhook.url)}) for webhook in detail.webhooks]
    return detail.model_copy(update={"webhooks": webhooks})


@router.get(
    "/stations",
    operation_id="listStations",
    summary="List the stations",
    response_model=StationPage,
    responses={
        200: {"links": links("getStation", id="$response.body#/stations/0/id") | page_links("listStations")},
        **problems(422, 503, 504),
    },
)
async def get_stations(
    store: StationStoreDep,
    caller: CallerDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="The most stations to return.")] = 100,
    after: Annotated[
        str, Query(max_length=64, pattern=ONE_LINE, description="Return stations that come after this ID.")
    ] = "",
    search: Annotated[
        str, Query(max_length=200, pattern=ONE_LINE, description="Return stations with this in their ID or name.")
    ] = "",
    recent: Recent = False,
) -> Response:
    """List the stations that you may read in the order of their IDs, each with its newest observation and forecast."""
    if recent and limit > MAX_RECENT:
        raise RequestError(f"with recent, limit may be at most {MAX_RECENT}", field="limit")
    page = await store.read(page_json, caller, limit, after, search, recent=recent)
    return Response(page, media_type="application/json")


@router.get(
    "/stations/{id}",
    operation_id="getStation",
    summary="Get a station",
    responses={
        200: {"links": STATION_LINKS | reading_links("$response.body#/newest/time")},
        **problems(404, 422, 503, 504),
    },
)
async def get_station(
    store: StationStoreDep, caller: CallerDep, id: StationId, recent: Recent = False
) -> StationDetail:
    """Get the settings of a station, its newest observation and forecast, and the state of its events."""
    if not store.is_writable:
        caller = replace(caller, may_write=False)
    return await store.read(station_detail, id, caller, recent=recent)


@router.delete(
    "/stations/{id}",
    operation_id="deleteStation",
    summary="Delete a station",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses={
        204: {"links": links("putStation", id="$request.path.id") | links("listAudit", station="$request.path.id")},
        **problems(403, 404, 422, 503, 504),
    },
)
async def remove_station(store: StationStoreDep, caller: CallerDep, id: StationId) -> Response:
    """Delete a station with all its readings. This cannot be undone.

    Where the service has keys, this call needs the one that created the station, or an admin key.
    """
    await store.write(delete_station, id, int(time.time()), caller)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get(
    "/access",
    operation_id="getAccess",
    summary="Get what the caller may do about stations",
    responses={200: {"links": links("putStation")}, **problems(503)},
)
async def get_access(
    request: Request, store: StationStoreDep, proof: WriteProofDep, access: AccessDep, caller: CallerDep
) -> AccessAnswer:
    """Get the role of the key, and whether it may create stations here.

    `writable` in `GET /stations/{id}` says the same of changing a station.
    """
    key: Key | None = request.scope.get(KEY)
    refused = access.refusal(GUARD, key)
    broken = await proof.refusal()
    full = None
    if broken is None and refused is None:
        try:
            full = await store.read(quota_refusal, caller)
        except StoreError as error:
            # A database that took a write some seconds ago.
            broken = str(error)
    return AccessAnswer(
        role=None if key is None or key is ANONYMOUS else key.role,
        create_stations=broken is None and refused is None and full is None,
        change_stations=broken is None and refused is None,
        needs_key=broken is None and refused is not None and access.has_writers,
        reason=broken or (refused and refused.detail) or full,
    )


@router.get(
    "/audit",
    operation_id="listAudit",
    summary="List who wrote what",
    responses={200: {"links": page_links("listAudit")}, **problems(403, 404, 422, 503, 504)},
)
async def get_audit(
    store: StationStoreDep,
    caller: CallerDep,
    station: Annotated[StationName | None, Query(description="The ID of a station. Defaults to all.")] = None,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest time, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest time.")] = None,
    limit: PageSize = PAGE,
    after: After = "",
) -> AuditList:
    """List what was written, newest first: settings, readings, corrections, deletions, and changes of releases.

    An admin key gets all of it, another key what was written about stations while they belonged to it, also after they
    are deleted or given to another key; others get a 403, or a 404 if they may not see the station.

    Entries are only ever added, in the transaction that stores what they tell, and `SST_KEEP_DAYS` does not delete
    them. A batch that stores nothing has no entry, nor have releases that are loaded when the service starts. Secrets
    are hidden in `changes`, so that old and new are the same if only a secret changed. A service without a database of
    stations has no audit: loads and unloads are in its log.
    """
    return await store.read(audit, caller, station, Period.read(begin, to), Cursor.read(after), limit)


def _save(
    connection: Connection,
    station: str,
    settings: StationSettings,
    webhooks: Sequence[InputWebhook],
    caller: Caller,
    owner: str | None,
) -> tuple[bool, dict[str, str]]:
    """Create a station or give it other settings, by which it may be silent."""
    now = int(time.time())
    created = put_watching_station(connection, station, settings, webhooks, now, caller, owner)
    if not created:
        watch(connection, [station], now)
    return created, made_secrets(webhooks, station_for(connection, station, caller).settings.webhooks)


_MEDIA_TYPE: Final = "image/svg+xml"
_SHARED_CACHE: Final = "max-age=300"
_OWN_CACHE: Final = "private, max-age=300"
"""What one key may see, a cache must not show to callers with another one, or without any."""

_HEADERS: Final = {
    "Vary": "Authorization",
    # A card is there to be shown by the pages of others, which cannot read its content.
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@router.get(
    "/stations/{id}/card.svg",
    operation_id="getStationCard",
    summary="Get a card of a station as a picture",
    response_class=Response,
    responses={
        200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "The card, as SVG."},
        304: {"description": "The card is the one that `If-None-Match` names."},
        **problems(404, 422, 503, 504),
    },
)
async def get_card(request: Request, store: StationStoreDep, caller: CallerDep, id: StationId) -> Response:
    """Get a picture for other pages: the last value, what is usual, the next steps and the last sixty days.

    It follows the light or dark colours of the reader, and holds its content in words for screen readers. Pages cannot
    send a key with a picture: a station has to be `shared`, and the service open to everyone, to be shown by them.
    """
    station = await store.read(station_detail, id, caller, recent=True)
    content = await store.run(card_svg, station, int(time.time()))
    caching = _SHARED_CACHE if caller.name is None else _OWN_CACHE
    return revalidated(request, content, _MEDIA_TYPE, _HEADERS | {"Cache-Control": caching})


router.include_router(observations.router)


@router.get(
    "/stations/{id}/forecast",
    operation_id="getStationForecast",
    summary="Get the newest forecast of a station",
    responses={200: {"links": reading_links("$response.body#/observed_until")}, **problems(404, 422, 503, 504)},
)
async def get_newest(store: StationStoreDep, caller: CallerDep, id: StationId) -> NewestForecast:
    """Get the forecast that was issued last, from the latest observation."""
    return await store.read(newest_forecast, id, caller)


@router.get(
    "/stations/{id}/forecasts",
    operation_id="listStationForecasts",
    summary="List the forecasts issued for a station",
    responses={
        200: {"links": page_links("listStationForecasts", id="$request.path.id")},
        **problems(404, 422, 503, 504),
    },
)
async def get_archive(
    store: StationStoreDep,
    caller: CallerDep,
    id: StationId,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest `observed_until`, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest `observed_until`.")] = None,
    limit: PageSize = PAGE,
    after: After = "",
) -> ForecastArchive:
    """List forecasts as they were issued. Nothing changes them, whatever is observed later."""
    return await store.read(archive, id, caller, Period.read(begin, to), Cursor.read(after), limit)


@router.get(
    "/stations/{id}/alerts",
    operation_id="listStationAlerts",
    summary="List the alerts of a station",
    responses={
        200: {"links": page_links("listStationAlerts", id="$request.path.id")},
        **problems(404, 422, 503, 504),
    },
)
async def get_alerts(
    store: StationStoreDep,
    caller: CallerDep,
    id: StationId,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest `raised`, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest `raised`.")] = None,
    limit: PageSize = PAGE,
    after: After = "",
) -> AlertList:
    """List events that began, changed their category, ended or are expected, with what became of each delivery."""
    return await store.read(station_alerts, id, caller, Period.read(begin, to), Cursor.read(after), limit)


@router.post(
    "/stations/{id}/webhooks/test",
    operation_id="testWebhooks",
    summary="Send a test to the webhooks and addresses of a station",
    responses=problems(400, 403, 404, 413, 415, 422, 429, 503, 504),
    openapi_extra=request_body(WebhookTestRequest, examples=WEBHOOK_TEST_EXAMPLES),
)
async def post_webhook_test(
    request: Request,
    store: StationStoreDep,
    serving: ServingDep,
    settings: SettingsDep,
    caller: CallerDep,
    outbound: OutboundDep,
    notifier: NotifierDep,
    limiter: WebhookTestsDep,
    at_once: WebhookTestsAtOnceDep,
    id: StationId,
) -> WebhookTest:
    """Send one delivery to a webhook or an address of `notify`, or to each, and return what came back.

    To webhooks, it is signed like an alert and has the same fields, with `"test": true`. It is not stored, and not
    repeated. Where the service has keys, this call needs the one that created the station, or an admin key.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(WebhookTestRequest, await request.body(), 0, settings.max_body_bytes)
    station = await store.read(station_for, id, caller, writes=True)
    webhooks, addresses = tested_receivers(station.settings.webhooks, station.settings.notify, body.url)
    if at_once.locked():
        raise too_many("many tests are being sent just now", SECONDS)
    if (wait := limiter.take(id)) > 0:
        raise too_many("several tests of this station were sent just now", wait)
    events = [event["name"] for event in station.settings.events or ()]
    now = int(time.time())

    def content(events: Sequence[str]) -> Json:
        return trial_alert(station, next(iter(events), None), now)

    sending: list[tuple[str, Channel, Sending]] = [
        (each["url"], "webhook", send_signed(outbound, each, uuid4().hex, content(each["events"] or events), now))
        for each in webhooks
    ]
    sending += [(address, "notify", notifier.send(address, content(events))) for address in addresses]
    tries = [_tried(*each) for each in sending]
    async with at_once:
        return WebhookTest(station=id, deliveries=await asyncio.gather(*tries))


async def _tried(url: str, channel: Channel, sending: Sending) -> TriedDelivery:
    begin = time.perf_counter()
    status, error = await sending
    return TriedDelivery(
        url=shown_address(url),
        channel=channel,
        delivered=error is None,
        status=status,
        milliseconds=round(1000 * (time.perf_counter() - begin)),
        error=error,
    )


_MEDIA_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
_CSV: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}


@router.get(
    "/stations/{id}/verification",
    operation_id="verifyStation",
    summary="Verify the forecasts of a station",
    response_model=StationVerification,
    responses={200: _CSV, **problems(404, 422, 503, 504)},
)
async def get_verification(
    store: StationStoreDep,
    caller: CallerDep,
    id: StationId,
    lead: Annotated[Horizon | None, Query(description="The number of steps ahead. Defaults to all.")] = None,
    begin: Annotated[TimeQuery, Query(alias="from", description="The earliest `observed_until`, in ISO 8601.")] = None,
    to: Annotated[TimeQuery, Query(description="The latest `observed_until`.")] = None,
    by: Annotated[Literal["month"] | None, Query(description="Score each month too.")] = None,
    replayed: Annotated[
        bool | None, Query(description="Score only replayed forecasts, or only the others. Defaults to both.")
    ] = None,
    format: Annotated[Literal["json", "csv"], Query(description="The format of the response.")] = "json",
    table: Annotated[
        Literal["forecasts", "events"], Query(description="Whether CSV has the forecasts or the events; JSON has both.")
    ] = "forecasts",
) -> Response:
    """Compare the issued forecasts and their baselines with the latest revision of the observations.

    The rules are those of `sst verify`. `to` includes the whole day. `crps` is null if the intervals have too few
    levels. One response covers up to 200,000 forecasts, each lead counted separately. `events` scores the probabilities
    that an event is on:

    - `threshold`: SST is beyond the threshold at that lead (`by_lead`).
    - `marine_heatwave`, `marine_cold_spell`: the day is in one (`probability`). A forecast counts once no later reading
      can change the outcome, which takes up to six more days.
    - `degree_heating_weeks`: the alert level is `level` or above, for `Warning` and `Alert Level 1`
      (`alert_probability`). The readings must begin at least 83 days before the day.
    """
    selection = Selection(*Period.read(begin, to), lead, replayed, by is not None)
    form: Form = "events_csv" if format == "csv" and table == "events" else format
    content = await store.read_long(verification, id, caller, selection, form)
    return Response(content, media_type=_MEDIA_TYPES[format])


def _stored_settings(body: StationRequest, settings: Settings) -> StationSettings:
    """Return the settings in a request, without the webhooks: their secrets may be stored already."""
    position = position_of(body.latitude, body.longitude)
    check_events(body.events, body.baseline, position, body.horizon or DEFAULT_HORIZON, body.step, body.units)
    names = [event.name for event in body.events]
    check_webhooks(body.webhooks, names, allow_private=settings.allow_private_addresses)
    if body.source is not None:
        check_source(body.source, allow_private=settings.allow_private_addresses)
    step, private = TimeStep.parse(body.step), settings.allow_private_addresses
    check_origin(body.weather, step, _place(body), private=private)
    return StationSettings(
        **body.model_dump(
            exclude={"events", "baseline", "webhooks", "notify", "source", "weather", "silent_after", "owner"}
        ),
        events=stored_events(body.events),
        baseline=stored_baseline(body.baseline),
        notify=[*body.notify] or None,
        source=None if body.source is None else body.source.stored(),
        weather=stored_origin(body.weather),
        silent_after=stored_silence(body.silent_after),
    )


def _place(body: StationRequest) -> tuple[float, float] | None:
    """Return degrees north and east; None if they are not known."""
    return None if body.latitude is None or body.longitude is None else (body.latitude, body.longitude)
