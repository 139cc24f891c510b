"""``python -m service key``."""

import argparse
import sys

from forecasting.console import command_name
from forecasting.errors import RequestError
from service.gate.keys import Role, new_key

_ANSWER = """The key of {key.name} ({key.role}), shown this once. It is sent as Authorization: Bearer KEY

  {presented}

Its line for SST_KEYS_FILE or SST_KEYS, which does not reveal it:

  {key.line}
"""


def main(arguments: list[str]) -> int:
    """Print a new key and its line; returns the exit status: 0 done, 2 refused with a sentence."""
    options = _parser().parse_args(arguments)
    try:
        presented, key = new_key(options.name, options.role)
    except RequestError as error:
        print(f"service key: {error}", file=sys.stderr)
        return 2
    print(_ANSWER.format(key=key, presented=presented))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command_name("key", "service key"),
        description="Make an API key. Nothing is stored: give the key to its caller, and the line to the service.",
    )
    parser.add_argument("--name", required=True, help="whose key it is: for the rate limit and logs")
    parser.add_argument(
        "--role", type=Role, choices=list(Role), default=Role.FORECAST, help="what it may do (default: forecast)"
    )
    return parser
