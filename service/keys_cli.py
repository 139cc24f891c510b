"""``sst key``: make an API key."""

import argparse
from typing import Final

from forecasting.console import Command, Program
from service.middleware.keys import Role, new_key

KEY: Final = Program("key")

_RESPONSE: Final = """The key of {key.name} ({key.role}), shown only once. Send it as Authorization: Bearer KEY

  {presented}

Its line for SST_KEYS_FILE or SST_KEYS, which does not reveal the key:

  {key.line}
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="name of the caller, for the rate limit and logs")
    parser.add_argument(
        "--role", choices=[*map(str, Role)], default=str(Role.FORECAST), help="what the key may do (default: forecast)"
    )


def _make(options: argparse.Namespace) -> int:
    presented, key = new_key(options.name, Role(options.role))
    print(_RESPONSE.format(key=key, presented=presented))
    return 0


COMMAND: Final = Command(
    KEY,
    "Create an API key. Nothing is stored: give the key to its caller, and the line to the service.",
    _add_options,
    _make,
)
