"""What is checked of the responses to generated requests."""

from typing import Any, Final

SOUND: Final = ["2xx", "401", "403", "404", "422", "429"]
"""Statuses of valid requests: the document cannot express which models, horizons and levels a release offers."""

CHECKS: Final[dict[str, Any]] = {
    "request-timeout": 600,
    "checks": {"positive_data_acceptance": {"expected-statuses": SOUND}},
    "operations": [
        {
            "include-path-regex": "^/v2/",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*SOUND, "400"]}},
        },
        # It cannot express that the query must not contradict the JSON body.
        {
            "include-name": "POST /forecast",
            "checks": {"positive_data_acceptance": {"expected-statuses": SOUND}},
        },
        # It cannot express which bytes are a readable file.
        {
            "include-path": ["/series", "/stations/{id}/observations"],
            "checks": {"positive_data_acceptance": {"expected-statuses": [*SOUND, "415"]}},
        },
        # Nor which steps there are, and that the step of a station with readings cannot change.
        {
            "include-path": "/stations/{id}",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*SOUND, "409"]}},
        },
    ],
}
"""The part of a configuration of schemathesis that says which answers are sound."""
