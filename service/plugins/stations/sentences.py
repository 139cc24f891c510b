"""Alerts as English sentences for people. This module alone words them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from forecasting.series.units import SYMBOLS
from forecasting.wording import age_in_words
from service.api.place_summary import KINDS, percent

Content = Mapping[str, Any]
"""What webhooks tell of an alert."""


def place_of(content: Content) -> str:
    """Return the name of the station, or else its ID."""
    return str(content["name"] or content["station"])


def alert_sentence(content: Content) -> str:
    """Return what happened at which place, the water there, and whether the alert is late.

    For example: ``North pier: the marine heatwave 'heatwave' began on 3 June (Moderate). Water: 21.3 °C.``
    """
    sentences = [f"{place_of(content)}: {_news(content)}."]
    # The last reading of a silent station does not say how the water is.
    if content["sst"] is not None and content["kind"] != "silent":
        sentences.append(f"Water: {content['sst']:.1f} {SYMBOLS[content['units']]}.")
    if content.get("late"):
        delay = content.get("delay_seconds")
        sentences.append(f"This alert is late: its readings arrived {f'{age_in_words(delay)} ' if delay else ''}late.")
    return " ".join(sentences)


def _news(content: Content) -> str:
    """Return what happened, without a full stop."""
    change = content["alert"]
    if content.get("test") or change == "test":
        return "this is a test of its alerts, and nothing has happened"
    if content["kind"] == "silent":
        since = _when(content["observed_until"], content)
        return "readings arrive again" if change == "ended" else f"no new reading has arrived since that of {since}"
    if content["kind"] == "stuck":
        if change == "ended":
            return "the readings are no longer a flat line"
        since = f" since {_when(content['since'], content)}" if content["since"] else ""
        return f"the readings have been a flat line{since}: check whether the sensor is stuck"
    return _event_news(content)


def _event_news(content: Content) -> str:
    change, category, previous = content["alert"], content["category"], content["previous_category"]
    event = f"the {KINDS.get(content['kind'], 'event').lower()} '{content['event']}'"
    since = _when(content["since"] or content["observed_until"], content)
    match change:
        case "began":
            return f"{event} began {_on(since)}{f' ({category})' if category else ''}"
        case "ended":
            return f"{event} has ended"
        case "category_changed":
            return f"{event} changed {f'from {previous} ' if previous else ''}to {category or 'no category'}"
    likely = "" if content["probability"] is None else f", with a probability of {percent(content['probability'])}"
    worse = f"more of {event}" if content["kind"] == "degree_heating_weeks" else event
    return f"{worse} is expected{likely}"


def _on(when: str) -> str:
    """Return a day or time after its preposition."""
    return f"at {when}" if when.endswith("UTC") else f"on {when}"


def _when(text: str, content: Content) -> str:
    """Return a day as ``3 June``, a time as ``06:00 on 3 June UTC``; with the year if the alert is of another one."""
    moment, now = datetime.fromisoformat(text), datetime.fromisoformat(content["raised"])
    year = "" if moment.year == now.year else f" {moment.year}"
    day = f"{moment.day} {moment:%B}{year}"
    is_day = "T" not in text or (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return day if is_day else f"{moment:%H:%M} on {day}, UTC"
