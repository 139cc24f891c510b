"""Forms of a place: readings, alerts and settings, for a person who never opens a terminal."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.page.browser import LOOKS, Visit
from tests.page.conftest import Visitor
from tests.servers.webhook_receiver import receiving, status
from tests.serving import serve

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("within_a_day")]

SMALL = 375


def today() -> date:
    return datetime.now(UTC).date()


def day(ago: int = 0) -> str:
    then = today() - timedelta(days=ago)
    return f"{then.day} {then:%b %Y}"


@pytest.fixture(scope="module")
def open_service(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service without keys, whose webhooks may be on loopback."""
    store = SecretStr(f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db")
    settings = Settings(
        artifacts=seas, store=store, allow_private_addresses=True, notify_schemes="ntfy", background=False
    )
    with serve(settings) as client:
        yield client


Opened = Callable[..., tuple[Visit, Page]]


@pytest.fixture
def opened(visitor: Visitor, open_service: httpx.Client) -> Opened:
    """Create a station with these readings until today, or some days ago, and open its page."""

    def start(station: str, values: list[float], until: int = 0, **settings: object) -> tuple[Visit, Page]:
        add(open_service, station, values, until, **settings)
        visit = visitor(str(open_service.base_url).rstrip("/"), new=True)
        return visit, visit.open(f"place/station/{station}")

    return start


def add(client: httpx.Client, station: str, values: list[float], until: int = 0, **settings: object) -> None:
    client.put(f"/stations/{station}", json={"step": "day", **settings}).raise_for_status()
    if values:
        start = today() - timedelta(days=len(values) - 1 + until)
        body = {"start": start.isoformat(), "values": values}
        client.post(f"/stations/{station}/observations", json=body).raise_for_status()


def spring(count: int) -> list[float]:
    return [round(14 + i / 20 + (i * 7 % 11) / 40, 2) for i in range(count)]


def card(page: Page, name: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=name, exact=True))


def stored(client: httpx.Client, station: str, **query: object) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/stations/{station}/observations", params=query).raise_for_status().json()  # type: ignore[arg-type]
    return answer


def forget_refusals(visit: Visit) -> None:
    """Chromium logs requests that the service refuses."""
    assert all("422" in text for text in visit.console_errors)
    visit.console_errors.clear()


def settings_of(client: httpx.Client, station: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/stations/{station}").raise_for_status().json()
    return answer


def test_a_reading_is_typed_in_and_the_forecast_follows_without_a_reload(
    opened: Opened, open_service: httpx.Client
) -> None:
    _, page = opened("typed", spring(12), until=1)
    readings = card(page, "Readings")
    expect(readings.get_by_label("Date")).to_have_value(today().isoformat())
    value = readings.get_by_label("Temperature, °C")
    value.fill("warm")
    page.keyboard.press("Enter")
    expect(value).to_be_focused()
    expect(value).to_have_accessible_description("Enter a number, such as 12.4 °C.")
    expect(value).to_have_value("warm")
    value.fill("99")
    page.keyboard.press("Enter")
    expect(value).to_have_accessible_description(
        "Seas have between −2.5\N{NO-BREAK SPACE}°C and 38\N{NO-BREAK SPACE}°C."
    )
    value.fill("14,6")
    page.keyboard.press("Enter")
    expect(readings.get_by_role("status")).to_contain_text(f"Added: 14.6\N{NO-BREAK SPACE}°C on {day()}.")
    expect(readings.get_by_role("status")).to_contain_text("With 1 more, there will be a forecast.")
    expect(value).to_be_focused()
    value.fill("13.9")
    readings.get_by_label("Date").fill((today() - timedelta(days=13)).isoformat())
    page.keyboard.press("Enter")
    expect(readings.get_by_role("status")).to_contain_text("Added: 13.9")
    value.fill("14.2")
    expect(readings.get_by_label("Date")).to_have_value((today() - timedelta(days=12)).isoformat())
    expect(readings).to_contain_text("A new one replaces it.")
    page.keyboard.press("Enter")
    expect(readings.get_by_role("status")).to_contain_text("Replaced: now 14.2")
    expect(page.get_by_role("heading", level=1)).to_contain_text(" tomorrow")


def test_the_next_reading_can_be_entered_while_the_page_still_loads(opened: Opened, open_service: httpx.Client) -> None:
    _, page = opened("quick", spring(20), until=2)
    readings = card(page, "Readings")
    expect(readings.get_by_role("table")).to_be_visible()
    held: list[Route] = []
    page.route("**/observations?*", lambda route: held.append(route), times=1)
    for typed, ago in (("14.9", 1), ("15.1", 0)):
        readings.get_by_label("Date").fill((today() - timedelta(days=ago)).isoformat())
        readings.get_by_label("Temperature, °C").fill(typed)
        page.keyboard.press("Enter")
        expect(readings.get_by_role("status")).to_contain_text(f"Added: {typed}")
    held[0].continue_()
    for typed, ago in (("14.9", 1), ("15.1", 0)):
        expect(readings.get_by_role("row", name=day(ago))).to_contain_text(typed)
    assert stored(open_service, "quick")["values"][-2:] == [14.9, 15.1]


def test_a_reading_is_edited_deleted_and_brought_back(opened: Opened, open_service: httpx.Client) -> None:
    visit, page = opened("edited", spring(30))
    readings = card(page, "Readings")
    edit = readings.get_by_role("button", name=f"Edit the reading of {day(1)}")
    edit.click()
    value = readings.get_by_label("Right temperature, °C")
    expect(value).to_be_focused()
    page.keyboard.press("Escape")
    edit.click()
    value.fill("15.5")
    page.keyboard.press("Enter")
    expect(readings.get_by_role("row", name=day(1))).to_contain_text("15.5")
    expect(edit).to_be_focused()
    expect(readings.get_by_role("row", name=day(1))).to_contain_text("checked")
    before = stored(open_service, "edited")["values"][-1]
    readings.get_by_role("button", name=f"Delete the reading of {day()}").click()
    expect(readings.get_by_role("status")).to_contain_text(f"Deleted the reading of {day()}")
    expect(readings.get_by_role("row", name=day())).to_have_count(0)
    visit.settle()
    expect(page.locator(".outlook")).to_contain_text("Newest reading: 15.5\N{NO-BREAK SPACE}°C")
    assert len(stored(open_service, "edited")["values"]) == 29
    undo = readings.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(readings.get_by_role("row", name=day())).to_contain_text(f"{before:.2f}")
    assert stored(open_service, "edited")["values"][-1] == before


def test_a_person_decides_about_a_reading_in_doubt(opened: Opened, open_service: httpx.Client) -> None:
    values = [*spring(30), 26.9]
    visit, page = opened("doubted", values)
    readings = card(page, "Readings")
    question = readings.get_by_text("is in doubt").locator("xpath=ancestor::div[contains(@class, 'notice')]")
    expect(question).to_contain_text(f"The reading of {day()}, 26.9\N{NO-BREAK SPACE}°C, is in doubt")
    expect(question).to_contain_text(f"it is {26.9 - values[-2]:.1f}\N{NO-BREAK SPACE}°C above the one before")
    expect(readings.get_by_role("row", name=day())).to_contain_text("in doubt")
    assert visit.accessibility_violations() == []
    question.get_by_role("button", name="Correct it").click()
    readings.get_by_label("Right temperature, °C").fill("15.9")
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    expect(readings.get_by_role("status")).to_contain_text("15.9\N{NO-BREAK SPACE}°C instead of 26.9")
    readings.get_by_role("button", name="Undo").click()
    expect(question).to_be_visible()
    question.get_by_role("button", name="Delete it").click()
    expect(question).to_have_count(0)
    readings.get_by_role("button", name="Undo").click()
    question.get_by_role("button", name="It is right").click()
    expect(question).to_have_count(0)
    expect(readings.get_by_text("You have confirmed")).to_be_focused()
    found = stored(open_service, "doubted")
    assert (found["values"][-1], found["flag"][-1], found["tests"][-1]) == (26.9, 1, ["person"])


@pytest.mark.parametrize(
    ("step", "newest", "label", "typed", "at"),
    [
        ("hour", "2026-03-01T05:20:00Z", "When, UTC", "2026-03-01T06:20", "2026-03-01T06:20:00Z"),
        ("day", "2026-03-01T05:00:00Z", "Date", "2026-03-02", "2026-03-02T05:00:00Z"),
        ("month", "2026-03-01T00:00:00Z", "Month", "2026-04", "2026-04-01T00:00:00Z"),
    ],
)
def test_a_reading_is_added_at_the_step_of_the_place(
    opened: Opened, open_service: httpx.Client, step: str, newest: str, label: str, typed: str, at: str
) -> None:
    station = f"each-{step}"
    open_service.put(f"/stations/{station}", json={"step": step}).raise_for_status()
    path = f"/stations/{station}/observations"
    open_service.post(path, json={"timestamps": [newest], "values": [3.5]}).raise_for_status()
    _, page = opened(station, [], step=step, units="fahrenheit" if step == "day" else "celsius")
    readings = card(page, "Readings")
    when = readings.get_by_label(label, exact=True)
    now = datetime.now(UTC)
    shown = datetime.fromisoformat(when.input_value() + ("-01" if step == "month" else "")).replace(tzinfo=UTC)
    assert timedelta(0) <= now - shown < timedelta(days=32 if step == "month" else 2 if step == "day" else 0.05)
    when.fill(typed)
    readings.get_by_label("Temperature, ").fill("3,4" if step != "day" else "38")
    page.keyboard.press("Enter")
    expect(readings.get_by_role("status")).to_contain_text("Added: ")
    assert stored(open_service, station)["timestamps"][-1] == at


def test_all_temperatures_of_a_place_are_in_the_unit_of_the_page(opened: Opened, open_service: httpx.Client) -> None:
    values = [*spring(30), 26.9]
    _, page = opened("american", values, events=[{"name": "warm", "above": 24.5}])
    page.get_by_label("Unit of temperatures").select_option("°F")
    readings, alerts = card(page, "Readings"), card(page, "Alerts")
    expect(readings).to_contain_text(f"80.4\N{NO-BREAK SPACE}°F, is in doubt: it is {1.8 * (26.9 - values[-2]):.1f}")
    expect(readings.get_by_role("columnheader", name="Temperature, °F")).to_be_visible()
    expect(readings.get_by_role("row", name=day())).to_contain_text("80.42")
    value = readings.get_by_label("Temperature, °F")
    expect(value).to_have_attribute("inputmode", "decimal")
    for typed, kept in (("59.9", 15.5), ("15.6 °C", 15.6)):
        value.fill(typed)
        page.keyboard.press("Enter")
        expect(readings.get_by_role("status")).to_contain_text(f"Replaced: now {kept * 1.8 + 32:.1f}")
        assert stored(open_service, "american")["values"][-1] == kept
        readings.get_by_label("Date").fill(today().isoformat())
    expect(readings.get_by_role("row", name=day())).to_contain_text("60.08")
    readings.get_by_role("button", name=f"Edit the reading of {day()}").click()
    expect(readings.get_by_label("Right temperature, °F")).to_have_value("60.08")
    page.keyboard.press("Escape")
    expect(alerts).to_contain_text("to be above 76.1\N{NO-BREAK SPACE}°F")
    alerts.get_by_role("button", name="Change: ").click()
    expect(alerts.get_by_label("Limit, °F")).to_have_value("76.1")
    alerts.get_by_label("Limit, °F").fill("77")
    alerts.get_by_role("button", name="Save", exact=True).click()
    expect(alerts).to_contain_text("to be above 77\N{NO-BREAK SPACE}°F")
    event, *_ = settings_of(open_service, "american")["events"]
    assert event["settings"]["above"] == 25


def test_a_file_with_a_question_is_added_by_answering_it(opened: Opened, open_service: httpx.Client) -> None:
    visit, page = opened("filed", [])
    readings = card(page, "Readings")
    expect(readings).to_contain_text("No readings yet.")
    text = "date,sst\n" + "".join(f"{1 + i:02}/04/2020,{12 + i % 3 / 10}\n" for i in range(12))
    readings.locator("input[type=file]").set_input_files(
        {"name": "pier.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    question = readings.get_by_role("alert")
    expect(question).to_contain_text("1 April 2020 or 4 January 2020?")
    question.get_by_role("button", name="1 April 2020").click()
    expect(readings).to_contain_text("12 added from pier.csv.")
    days = [today() + timedelta(days=ahead) for ahead in (-1, 0, 4)]
    readings.get_by_label("Or paste lines").fill("time,sst\n" + "".join(f"{date},13\n" for date in days))
    readings.get_by_role("button", name="Add these").click()
    expect(readings).to_contain_text("2 added from the pasted readings.")
    expect(readings).to_contain_text(f"1 was not stored:The time {day(-4)}")
    expect(readings.get_by_role("row", name=day())).to_contain_text("13")
    assert len(stored(open_service, "filed")["values"]) == 14
    forget_refusals(visit)


def test_an_alert_is_set_changed_and_removed_in_words(opened: Opened, open_service: httpx.Client) -> None:
    kept = {"horizon": 5, "model": "ocean-daily-gru", "latitude": 0.0, "longitude": -140.0, "name": "The raft"}
    visit, page = opened("watched", spring(30), **kept)
    alerts = card(page, "Alerts")
    alerts.get_by_role("button", name="Add an alert").press("Enter")
    expect(alerts.get_by_label("What")).to_be_focused()
    alerts.get_by_label("Limit, °C").fill("hot")
    alerts.get_by_role("button", name="Save").click()
    expect(alerts.get_by_label("Limit, °C")).to_be_focused()
    expect(alerts.get_by_label("Limit, °C")).to_have_accessible_description("Enter a number, such as 24 °C.")
    alerts.get_by_label("Limit, °C").fill("99")
    alerts.get_by_role("button", name="Save").click()
    expect(alerts.get_by_label("Limit, °C")).to_have_accessible_description(
        "Seas have between −2.5\N{NO-BREAK SPACE}°C and 38\N{NO-BREAK SPACE}°C."
    )
    alerts.get_by_label("Limit, °C").fill("24")
    alerts.get_by_label("For how many days in a row").fill("5")
    alerts.get_by_label("Tell me when that is").select_option("likely (70%)")
    page.keyboard.press("Tab")
    alerts.get_by_label("For how many days in a row").press("Enter")
    words = "Tell me when the water is likely (70%) to be above 24\N{NO-BREAK SPACE}°C for 5 days in a row."
    expect(alerts).to_contain_text(words)
    expect(alerts.get_by_text("The alert is added.")).to_be_focused()
    event, *_ = settings_of(open_service, "watched")["events"]
    expected = {"name": "Above 24 °C for 5 days", "kind": "threshold", "above": 24.0, "for": 5, "alert_at": 0.7}
    assert event["settings"] == expected

    alerts.get_by_role("button", name="Add an alert").click()
    alerts.get_by_label("What").select_option("A marine heatwave")
    expect(alerts.get_by_label("Use the usual temperatures of the position")).to_be_checked()
    expect(alerts).to_contain_text("They are coarse: near coasts they may be wrong by more than a degree")
    alerts.get_by_role("button", name="Save").click()
    expect(alerts).to_contain_text("Tell me when a marine heatwave is as likely as not (50%).")
    station = settings_of(open_service, "watched")
    assert station["baseline"] == "position"
    assert {name: station[name] for name in kept} == kept

    alerts.get_by_role("button", name=f"Change: {words}").click()
    alerts.get_by_label("What").select_option("The water is colder than a limit")
    alerts.get_by_label("Limit, °C").fill("−1")
    alerts.get_by_role("button", name="Save").click()
    expect(alerts).to_contain_text("to be below −1")
    alerts.get_by_role("button", name="Remove: Tell me when a marine heatwave").click()
    expect(alerts).to_contain_text("The alert is removed.")
    event, *_ = settings_of(open_service, "watched")["events"]
    assert event["settings"] == {k: v for k, v in expected.items() if k != "above"} | {"below": -1.0}
    forget_refusals(visit)


def test_an_alert_that_needs_ten_years_may_rest_on_the_position(opened: Opened, open_service: httpx.Client) -> None:
    events = [{"name": "heat", "kind": "marine_heatwave"}]
    _, page = opened("new", spring(30), events=events, latitude=44, longitude=-30)
    alerts = card(page, "Alerts")
    expect(alerts).to_contain_text("Ten years of daily readings are needed to know what is usual on each day")
    alerts.get_by_role("button", name="Use the usual temperatures of the position").click()
    expect(alerts.get_by_text("Usual is now that of the position.")).to_be_focused()
    assert settings_of(open_service, "new")["baseline"] == "position"
    value = card(page, "Readings").get_by_label("Temperature, °C")
    value.fill("12")
    page.keyboard.press("Enter")
    expect(alerts).to_contain_text("No marine heatwave")


def test_alerts_are_sent_to_an_address_that_is_tested(opened: Opened, open_service: httpx.Client) -> None:
    events = [{"name": "warm", "above": 24.0}, {"name": "cold", "below": 4.0}]
    with receiving() as receiver:
        visit, page = opened("hooked", spring(20), events=events)
        alerts = card(page, "Alerts")
        alerts.get_by_role("button", name="Send alerts to an address").click()
        alerts.get_by_label("Address").fill("hooks.example")
        alerts.get_by_role("button", name="Save").click()
        expect(alerts.get_by_label("Address")).to_have_accessible_description(
            "Enter an address that begins with https://."
        )
        alerts.get_by_label("Address").fill("http://user:word@127.0.0.1/")
        alerts.get_by_role("button", name="Save").click()
        expect(alerts.get_by_label("Address")).to_have_accessible_description(
            "The URL contains a user name or password: leave out the part before the @."
        )
        alerts.get_by_label("Address").fill(receiver.url)
        alerts.get_by_label("cold").uncheck()
        alerts.get_by_role("button", name="Save").click()
        host = receiver.url.removeprefix("http://")
        expect(alerts).to_contain_text(f"{host}: warm")
        expect(alerts).to_contain_text("It is not shown again.")
        expect(alerts.get_by_role("button", name="Copy: Secret")).to_be_visible()
        secret = alerts.get_by_label("Secret", exact=True).inner_text()
        alerts.get_by_role("button", name=f"Send a test to {host}").click()
        expect(alerts.get_by_role("status").filter(has_text="The test arrived")).to_contain_text("answered 200 after")
        received = receiver.next()
        sent = Webhook(secret).verify(received.body, received.headers)
        assert (sent["test"], sent["event"]) == (True, "warm")
        receiver.answers.put(status(410))
        alerts.get_by_role("button", name=f"Send a test to {host}").click()
        expect(alerts).to_contain_text("The test did not arrive: the receiver responded with status 410.")

        # A change that does not touch the secret keeps it.
        alerts.get_by_role("button", name=f"Change: {host}").click()
        alerts.get_by_label("cold").check()
        alerts.get_by_role("button", name="Save").click()
        expect(alerts).to_contain_text(f"{host}: all alerts")
        expect(alerts).not_to_contain_text(secret)
        alerts.get_by_role("button", name=f"Change: {host}").click()
        alerts.get_by_label("Make a new secret").check()
        alerts.get_by_label("the sensor is stuck").uncheck()
        alerts.get_by_role("button", name="Save").click()
        expect(alerts).to_contain_text(f"{host}: all alerts, but none about silence")
        assert alerts.get_by_label("Secret", exact=True).inner_text() != secret
    (hook,) = settings_of(open_service, "hooked")["webhooks"]
    assert hook["events"] is None
    page.get_by_role("button", name=f"Remove: {host}").click()
    expect(alerts).to_contain_text("Alerts are no longer sent there.")
    assert settings_of(open_service, "hooked")["webhooks"] == []
    forget_refusals(visit)


def test_a_sentence_is_sent_to_an_address_whose_password_is_not_shown(
    opened: Opened, open_service: httpx.Client
) -> None:
    visit, page = opened("told", spring(20), name="North pier", events=[{"name": "warm", "above": 24.0}])
    alerts = card(page, "Alerts")
    with receiving() as receiver:
        host = receiver.url.removeprefix("http://")
        alerts.get_by_role("button", name="Send alerts to an address").click()
        alerts.get_by_label("Address").fill("tgram://bot-token/chat")
        alerts.get_by_role("button", name="Save").click()
        expect(alerts.get_by_label("Address")).to_have_accessible_description(re.compile("begin with ntfy://"))
        alerts.get_by_label("Address").fill(f"ntfy://user:pa55word@{host}/hidden")
        alerts.get_by_role("button", name="Save").click()
        expect(alerts).to_contain_text(f"ntfy://{host}: all alerts, as a sentence")
        alerts.get_by_role("button", name=f"Send a test to ntfy://{host}").click()
        expect(alerts.get_by_role("status").filter(has_text="The test arrived")).to_contain_text("the receiver took it")
        assert b"North pier: this is a test" in receiver.next().body
    expect(alerts).not_to_contain_text("pa55word")
    alerts.get_by_role("button", name=f"Remove: ntfy://{host}").click()
    expect(alerts).to_contain_text("Alerts are no longer sent there.")
    assert settings_of(open_service, "told")["notify"] == []
    forget_refusals(visit)


def test_settings_are_changed_without_losing_others_and_a_place_is_deleted(
    opened: Opened, open_service: httpx.Client
) -> None:
    events = [{"name": "warm", "above": 24.0, "within": 3}]
    hooks = [{"url": "https://hooks.example/sst", "secret": "at least 16 characters"}]
    source = {"file": {"url": "https://data.example/buoy.txt"}}
    kept = {"units": "celsius", "horizon": 4, "model": "gru", "source": source, "events": events, "webhooks": hooks}
    _, page = opened("settled", spring(20), name="The <pier>", baseline=None, **kept)
    before = settings_of(open_service, "settled")
    page.get_by_text("Settings", exact=True).click()
    form = page.locator(".settings")
    form.get_by_label("Use the weather that is coming").check()
    form.get_by_role("button", name="Save settings").click()
    expect(form.get_by_label("Use the weather")).to_have_accessible_description(
        "Weather is that of a position: enter the latitude and longitude too."
    )
    form.get_by_label("Latitude").fill("91")
    form.get_by_label("Longitude").fill("9.1")
    form.get_by_role("button", name="Save settings").click()
    expect(form.get_by_label("Latitude")).to_have_accessible_description(re.compile("^Enter degrees as numbers"))
    expect(form.get_by_label("Latitude")).to_be_focused()
    form.get_by_label("Latitude").fill("43.6, −9.1")
    form.get_by_label("Longitude").fill("")
    form.get_by_label("Name").fill("Quay")
    form.get_by_role("button", name="Save settings").click()
    expect(form.get_by_role("status")).to_have_text("Saved.")
    after = settings_of(open_service, "settled")
    assert (after["name"], after["latitude"], after["longitude"]) == ("Quay", 43.6, -9.1)
    assert after["weather"] == "open-meteo"
    same = ("step", "units", "model", "horizon", "source", "baseline", "webhooks")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["events"][0]["settings"] == before["events"][0]["settings"]

    form.get_by_text("Delete this place").first.click()
    confirmation = form.get_by_label("to delete it")
    confirmation.fill("The")
    form.get_by_role("button", name="Delete this place").click()
    expect(confirmation).to_be_focused()
    confirmation.fill("The <pier>")
    form.get_by_role("button", name="Delete this place").click()
    expect(page).to_have_url(f"{str(open_service.base_url).rstrip('/')}/")
    assert open_service.get("/stations/settled").status_code == 404


def test_without_a_key_that_may_write_there_are_values_and_no_controls(
    visitor: Visitor, seas: Path, tmp_path: Path
) -> None:
    made = {name: new_key(name, role) for name, role in (("pier", Role.STATION), ("boat", Role.STATION))}
    keys = SecretStr("\n".join(key.line for _, key in made.values()))
    with serve(Settings(artifacts=seas, keys=keys, store=SecretStr(f"sqlite:///{tmp_path}/sst.db"))) as client:
        client.headers["Authorization"] = f"Bearer {made['pier'][0]}"
        add(client, "pier", spring(20), events=[{"name": "warm", "above": 24.0}], visibility="shared")
        visit = visitor(str(client.base_url).rstrip("/"), new=True)
        page = visit.open("place/station/pier")
        readings = card(page, "Readings")
        expect(readings).to_contain_text("To change anything here, enter the key that created this place")
        expect(readings.get_by_role("row", name=day())).to_be_visible()
        expect(card(page, "Alerts")).to_contain_text("Tell me when the water is")
        page.get_by_text("Settings", exact=True).click()
        expect(page.locator(".settings")).to_contain_text("not given")
        controls = page.get_by_role("button", name="Edit").or_(page.get_by_role("button", name="Remove"))
        forms = page.locator(".readings form, .alerts form, .settings form")
        assert (controls.count(), forms.count()) == (0, 0)
        # What the bar at the top covers a part of would count as too small.
        page.evaluate("scrollTo(0, 0)")
        assert visit.accessibility_violations() == []

        readings.get_by_role("button", name="Enter a key").click()
        enter_key(page, made["boat"][0])
        expect(readings).to_contain_text("This place belongs to another key.")
        assert (controls.count(), forms.count()) == (0, 0)
        readings.get_by_role("button", name="Use another key").click()
        enter_key(page, made["pier"][0])
        readings.get_by_label("Temperature, °C").fill("15")
        readings.get_by_role("button", name="Add reading").click()
        expect(readings.get_by_role("status")).to_contain_text("Replaced: now 15")
        expect(card(page, "Alerts").get_by_role("button", name="Remove: ")).to_be_visible()
        expect(page.locator(".settings form").first).to_be_visible()


def test_a_place_is_shown_to_those_with_its_key_and_to_others_once_it_is_shared(
    visitor: Visitor, seas: Path, tmp_path: Path
) -> None:
    text, key = new_key("pier", Role.STATION)
    settings = Settings(artifacts=seas, keys=SecretStr(key.line), store=SecretStr(f"sqlite:///{tmp_path}/sst.db"))
    with serve(settings) as client:
        address = str(client.base_url).rstrip("/")
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {text}"}) as owner:
            add(owner, "pier", spring(20), name="The pier")
        page = visitor(address, new=True).open("")
        expect(page.get_by_text("Some places are shown only to those who have their key.")).to_be_visible()
        page.get_by_role("button", name="Enter a key").click()
        enter_key(page, text)
        expect(page.get_by_role("link", name="The pier").first).to_be_visible()

        visit = visitor(address, new=True)
        page = visit.open("place/station/pier")
        expect(page.locator("h1")).to_have_text("There is no station named pier.")
        # The browser logs the 404.
        visit.console_errors.clear()
        page.get_by_role("button", name="Enter a key").click()
        enter_key(page, text)
        page.get_by_text("Settings", exact=True).click()
        form = page.locator(".settings form").first
        shared = form.get_by_label("Show it to others")
        expect(shared).not_to_be_checked()
        shared.check()
        form.get_by_role("button", name="Save settings").click()
        expect(form.get_by_role("status")).to_have_text("Saved.")
        assert client.get("/stations/pier").json()["visibility"] == "shared"
        # Another change keeps it.
        form.get_by_label("Name").fill("Quay")
        form.get_by_role("button", name="Save settings").click()
        expect(form.get_by_role("status")).to_have_text("Saved.")
        assert client.get("/stations/pier").json()["name"] == "Quay"


def enter_key(page: Page, key: str) -> None:
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("button", name="Use key").click()


def test_the_forms_are_accessible_and_fit_a_phone(opened: Opened) -> None:
    hooks = [{"url": "https://hooks.example/sst", "secret": "at least 16 characters"}]
    events = [{"name": "heat", "kind": "marine_heatwave"}]
    visit, page = opened("small", [*spring(30), 26.9], events=events, webhooks=hooks, latitude=0, longitude=-140)
    for details in page.locator(".readings details, .settings, .settings details").all():
        details.locator("> summary").click()
    readings, alerts = card(page, "Readings"), card(page, "Alerts")
    readings.get_by_role("button", name=f"Edit the reading of {day(1)}").click()
    for opener in ("Add an alert", "Send alerts to an address"):
        alerts.get_by_role("button", name=opener).click()
        for width, scheme in (*LOOKS, (SMALL, "light")):
            visit.resize(width, scheme)
            page.evaluate("scrollTo(0, 0)")
            assert visit.accessibility_violations() == []
            assert visit.content_width() <= width
