"""What is deleted of stations, and what is kept however old it is."""

import asyncio
from contextlib import closing

import pytest
from sqlalchemy import Connection, Table, func, make_url, select

from service.plugins.stations.background import Retention
from service.plugins.stations.store.alerts import Alert, Delivery, put_alert, put_deliveries
from service.plugins.stations.store.audit import ANYONE, Entry, add_entries
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.forecasts import IssuedForecast, add_forecasts, forecasts_after
from service.plugins.stations.store.stations import StationSettings, get_station, put_station
from service.plugins.stations.store.tables import ALERTS, AUDIT, DELIVERIES, OBSERVATIONS
from tests.service.plugins.stations.conftest import observe

DAY = 86_400


def fill(connection: Connection, horizon: int, later_horizon: int) -> int:
    """Store 250 days from day 0, each with its forecast, and an alert every hundred days; then change the horizon."""
    put_station(connection, "pier", StationSettings("day", horizon=horizon), 0)
    number = get_station(connection, "pier").number
    observe(connection, number, {day * DAY: 15.0 for day in range(250)})
    content: dict[str, list[object]] = {"timestamps": [""] * horizon, "sst": [], "intervals": []}
    forecasts = [
        IssuedForecast(number, day + 1, day * DAY, day * DAY, False, "best", "1", content) for day in range(250)
    ]
    add_forecasts(connection, forecasts)
    for day in (0, 100, 200):
        alert = put_alert(connection, Alert(number, "heat", "began", day * DAY, day * DAY, {}))
        put_deliveries(connection, [Delivery(alert, "https://hooks.example", f"pier{day}", day * DAY)])
    put_station(connection, "pier", StationSettings("day", horizon=later_horizon), 0)
    add_entries(connection, [Entry(0, ANYONE, "pier", None, "readings", {})])
    return number


def count_of(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def kept(
    store_url: str, days: int, today: int, horizon: int = 2, later_horizon: int = 2
) -> tuple[list[int], list[int], int]:
    """Return the days of the forecasts and alerts that are left on a day, and how many deliveries."""

    async def run() -> tuple[list[int], list[int], int]:
        with closing(StationStore(make_url(store_url))) as store:
            number = await store.write(fill, horizon, later_horizon)
            # All but the alert of day 0 have been delivered.
            delivered = DELIVERIES.update().where(DELIVERIES.c.key != "pier0").values(next_attempt=None)
            await store.write(lambda connection: connection.execute(delivered))
            retention = Retention(store, days, lambda: today * DAY)
            await retention.run()
            forecasts = await store.read(forecasts_after, number, limit=1_000)
            raised = await store.read(lambda connection: connection.scalars(select(ALERTS.c.raised)).all())
            assert await store.read(count_of, OBSERVATIONS) == 250, "readings are never deleted"
            assert await store.read(count_of, AUDIT) == 1, "neither is what tells who wrote them"
            deliveries = await store.read(count_of, DELIVERIES)
            return [each.issued // DAY for each in forecasts], [each // DAY for each in raised], deliveries

    return asyncio.run(run())


def test_old_forecasts_and_alerts_are_deleted_and_alerts_that_wait_are_kept(store_url: str) -> None:
    forecasts, alerts, deliveries = kept(store_url, days=100, today=250)
    assert forecasts == [*range(150, 250)]
    assert (alerts, deliveries) == ([0, 200], 2)


@pytest.mark.parametrize("later_horizon", [20, 3], ids=["same horizon", "lower horizon"])
def test_a_forecast_is_kept_until_its_last_step_can_have_been_observed(store_url: str, later_horizon: int) -> None:
    assert kept(store_url, days=1, today=10_000, horizon=20, later_horizon=later_horizon)[0] == [*range(227, 250)]
