"""The settings of a station, checked and written for the store."""

from service.api.stations.schemas import StationRequest
from service.settings import Settings
from service.stations.alerts.webhook_settings import check_webhooks
from service.stations.issuing.issuing import DEFAULT_HORIZON
from service.stations.sources.source import check_source
from service.stations.station_events import check_events, stored_baseline, stored_events
from service.store.stations import StationSettings


def stored_settings(body: StationRequest, settings: Settings) -> StationSettings:
    """Return the settings in a request, without the webhooks: their secrets may be stored already.

    Raises:
        ForecastError: if an event, a webhook or a source is not possible, or on a private network that is not allowed.
    """
    check_events(body.events, body.baseline, body.horizon or DEFAULT_HORIZON, body.step, body.units)
    names = [event.name for event in body.events]
    check_webhooks(body.webhooks, names, allow_private=settings.allow_private_addresses)
    if body.source is not None:
        check_source(body.source, allow_private=settings.allow_private_addresses)
    return StationSettings(
        **body.model_dump(exclude={"events", "baseline", "webhooks", "source"}),
        events=stored_events(body.events),
        baseline=stored_baseline(body.baseline),
        source=None if body.source is None else body.source.stored(),
    )
