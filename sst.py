"""The ``sst`` command: run one program and import no other."""

import argparse
import importlib.util
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from typing import Final, NamedTuple, NoReturn


class _Command(NamedTuple):
    """A command of ``sst``.

    Attributes:
        module: has ``run``, which takes arguments and returns the exit status.
        subcommand: the first argument to give it, if any.
        summary: what the command does, for ``--help``.
    """

    module: str
    subcommand: str | None
    summary: str


_COMMANDS: Final = {
    "serve": _Command("service", None, "serve forecasts over HTTP"),
    "key": _Command("service.keys_cli", None, "make an API key"),
    "train": _Command("training.cli", None, "train the networks and publish a release"),
    "inspect": _Command("training.cli", "inspect", "describe data files and how they are read"),
    "fetch": _Command("training.cli", "fetch", "download a series from an ERDDAP server"),
    "forecast": _Command("scoring.cli", "forecast", "forecast the series in a file"),
    "events": _Command("scoring.cli", "events", "list marine heatwaves or cold spells in the series of a file"),
    "rollback": _Command("training.cli", "rollback", "serve an older release again"),
    "release": _Command("training.cli", "release", "sign, verify, move and import releases, and go back to one"),
    "score": _Command("scoring.cli", "score", "forecast every station of a table or every cell of a grid"),
    "verify": _Command("scoring.cli", "verify", "compare archived forecasts with observations"),
    "station": _Command("service.station_cli", None, "send station readings to a service, and see its forecasts"),
}


def main() -> NoReturn:
    """Run the command named by the first argument; exits with that program's status."""
    parser, arguments = _parser(), sys.argv[1:]
    name = parser.parse_args(arguments[:1]).command
    command = _COMMANDS[name]
    package = command.module.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        parser.error(f"{name} is not available here: the package {package!r} is not installed")
    if name == "serve":
        # With alter_sys the service is the main module, as the processes that it spawns expect.
        sys.argv[1:] = arguments[1:]
        runpy.run_module(command.module, run_name="__main__", alter_sys=True)
        sys.exit()
    run: Callable[[Sequence[str]], int] = import_module(command.module).run
    sys.exit(run(arguments[1:] if command.subcommand is None else [command.subcommand, *arguments[1:]]))


def _parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:10}{command.summary}" for name, command in _COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="sst",
        usage="sst [--help | --version] COMMAND ...",
        description="Forecast sea-surface temperature, and serve the forecasts.",
        epilog=f"commands:\n{commands}\n\n'sst COMMAND --help' shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sst {metadata.version('sst-forecasting')}")
    parser.add_argument("command", choices=_COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
