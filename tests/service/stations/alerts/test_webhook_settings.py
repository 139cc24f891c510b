"""What answers show of webhooks, and what a later request may leave out."""

import pytest

from service.stations.alerts.webhook_settings import InputWebhook, shown_url, stored_webhooks

SLACK = "https://hooks.slack.example:8443/services/T000/B000/token"
STORED = {"url": SLACK, "secret": "at least 16 characters", "events": ["heatwave"]}


def test_a_shown_url_has_the_host_and_tells_two_of_one_host_apart() -> None:
    shown, other = shown_url(SLACK), shown_url(f"{SLACK}2")
    assert shown.startswith("https://hooks.slack.example:8443/...#")
    assert "token" not in shown
    assert shown != other


@pytest.mark.parametrize("url", [SLACK, SLACK.replace("https", "HTTPS"), SLACK.replace("https", "http")])
def test_a_shown_url_is_shown_as_it_is(url: str) -> None:
    assert shown_url(shown_url(url)) == shown_url(url)


@pytest.mark.parametrize("secret", [None, "another secret of this length"])
@pytest.mark.parametrize("url", [SLACK, shown_url(SLACK)], ids=["as sent", "as shown"])
def test_a_repeated_url_keeps_what_is_left_out(url: str, secret: str | None) -> None:
    stored = stored_webhooks([InputWebhook(url=url, secret=secret)], [STORED])
    assert stored == [{"url": SLACK, "secret": secret or STORED["secret"], "events": None}]
