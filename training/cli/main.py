"""``python -m training``: run the command that the first argument names, and import no other."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

from forecasting.extras import exit_without_extra
from training.cli.programs import program_of
from training.cli.release import command as release
from training.cli.status import status_of

_MODULES: Final = {
    "fetch": "fetch",
    "gallery": "gallery",
    "inspect": "inspect",
    "pretrain": "pretrain",
    "rollback": "rollback",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 on success, 2 after an error; some commands also return 1."""
    given = sys.argv[1:] if arguments is None else arguments
    return status_of(program_of(given), lambda: _run(given))


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["release"]:
        # Most of its subcommands need no extra.
        return release.main(arguments[1:])
    module = _MODULES.get(arguments[0]) if arguments else None
    with exit_without_extra("training", "Training"):
        run: Callable[[list[str]], int] = import_module(f"training.cli.{module or 'train'}").main
    return run(arguments if module is None else arguments[1:])
