"""``python -m service key``."""

import argparse
from typing import Final

from forecasting.console import Program
from forecasting.errors import RequestError
from service.gate.keys import Role, new_key

KEY: Final = Program("key", "service key")

_ANSWER: Final = """The key of {key.name} ({key.role}), shown only once. Send it as Authorization: Bearer KEY

  {presented}

Its line for SST_KEYS_FILE or SST_KEYS, which does not reveal the key:

  {key.line}
"""


def main(arguments: list[str]) -> int:
    """Print a new key and its line; return the exit status: 0 on success, 2 after an error message."""
    options = _parser().parse_args(arguments)
    try:
        presented, key = new_key(options.name, Role(options.role))
    except RequestError as error:
        KEY.say(str(error))
        return 2
    print(_ANSWER.format(key=key, presented=presented))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=KEY.name,
        description="Create an API key. Nothing is stored: give the key to its caller, and the line to the service.",
    )
    parser.add_argument("--name", required=True, help="name of the caller, for the rate limit and logs")
    parser.add_argument(
        "--role", choices=[*map(str, Role)], default=str(Role.FORECAST), help="what the key may do (default: forecast)"
    )
    return parser
