"""The ``sst`` command: the tree of all commands, each imported only to run it."""

import argparse
import importlib.util
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from operator import attrgetter
from typing import Final, NamedTuple, NoReturn


class _Command(NamedTuple):
    """A command of ``sst``.

    Attributes:
        summary: what the command does, for ``--help``.
        location: its module and function, which takes arguments and returns the exit status; only the package if
            subcommands follow.
        purpose: what needs the extra of the package, as the subject of the error without it; empty if nothing does.
        interrupted: what to say after ``interrupted``.
        stopped: what to add after an error of the system.
    """

    summary: str
    location: str
    purpose: str = ""
    interrupted: str = ""
    stopped: str = ""


def _training(summary: str, location: str, purpose: str = "Training") -> _Command:
    return _Command(summary, f"training.cli.{location}.main", purpose, "; nothing was published or replaced")


_AGAIN: Final = "; run the same command again to resume"

_COMMANDS: Final = {
    "serve": _Command("serve forecasts over HTTP", "service"),
    "key": _Command("make an API key", "service.keys_cli:COMMAND.main", "The service"),
    "train": _training("train the networks and publish a release", "train:TRAIN_COMMAND"),
    "inspect": _training("describe data files and how they are read", "data:INSPECT_COMMAND"),
    "fetch": _training("download a series from an ERDDAP server, or weather", "data:FETCH_COMMAND"),
    "forecast": _Command("forecast the series in a file", "scoring.cli:FORECAST_COMMAND.main"),
    "events": _Command(
        "list marine heatwaves or cold spells in the series of a file", "scoring.cli:EVENTS_COMMAND.main"
    ),
    "rollback": _training("serve an older release again", "release:OLD_ROLLBACK_COMMAND"),
    "release": _Command("sign, verify, move and import releases, and go back to one", "training"),
    "release import": _training(
        "check, evaluate and publish a network that was trained elsewhere",
        "train:IMPORT_COMMAND",
        "Importing a network",
    ),
    "release key": _training("make a key pair", "release:KEY_COMMAND"),
    "release pull": _training("copy releases from another place, such as a bucket", "release:PULL_COMMAND"),
    "release push": _training("copy releases to another place", "release:PUSH_COMMAND"),
    "release rollback": _training("serve an older release again", "release:ROLLBACK_COMMAND"),
    "release sign": _training("sign releases with a private key", "release:SIGN_COMMAND"),
    "release verify": _training("check files and signatures of releases", "release:VERIFY_COMMAND"),
    "score": _Command(
        "forecast every station of a table or every cell of a grid",
        "scoring.cli:run_score",
        interrupted=_AGAIN,
        stopped=_AGAIN,
    ),
    "outlook": _Command(
        "forecast a grid with heatwaves, maps and a page",
        "scoring.cli:OUTLOOK_COMMAND.main",
        interrupted=_AGAIN,
        stopped=_AGAIN,
    ),
    "verify": _Command(
        "compare archived forecasts with observations",
        "scoring.cli:VERIFY_COMMAND.main",
        interrupted=_AGAIN,
        stopped=_AGAIN,
    ),
    "station": _Command(
        "send station readings to a service, and see its forecasts", "service.plugins.stations.cli:main"
    ),
}


def main() -> NoReturn:
    """Run the command that the arguments name as this process; exits with its status."""
    name, arguments = _find(sys.argv[1:])
    if name == "serve":
        # With alter_sys the service is the main module, as the processes that it spawns expect.
        sys.argv[1:] = arguments
        runpy.run_module("service", run_name="__main__", alter_sys=True)
        sys.exit()
    from forecasting.console import Program, run_process

    command = _COMMANDS[name]
    sys.exit(
        run_process(lambda: _call(name, arguments), Program(name), f"interrupted{command.interrupted}", command.stopped)
    )


def run_module(module: str, default: str) -> NoReturn:
    """Run a command as ``python -m`` does: of the program ``module``, by default the command ``default``."""
    from forecasting.console import name_as_module

    name_as_module(module, default)
    words = sys.argv[1:2]
    if not words or words[0] not in _COMMANDS or _package(words[0]) != module:
        sys.argv.insert(1, default)
    main()


def run(arguments: Sequence[str]) -> int:
    """Run the command that the first arguments name; returns its exit status."""
    return _call(*_find(arguments))


def _call(name: str, arguments: Sequence[str]) -> int:
    from forecasting.console import REFUSED, Program
    from forecasting.errors import MissingExtraError
    from forecasting.extras import needs_extra

    module, _, function = _COMMANDS[name].location.partition(":")
    try:
        with needs_extra(_package(name), _COMMANDS[name].purpose):
            run: Callable[[Sequence[str]], int] = attrgetter(function)(import_module(module))
        return run(arguments)
    except MissingExtraError as error:
        Program(name).say_error(error)
        return REFUSED


def _package(name: str) -> str:
    return _COMMANDS[name].location.partition(".")[0]


def _find(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the command that the first arguments name, and the arguments after them."""
    parser = _parser(
        "sst",
        [name for name in _COMMANDS if " " not in name],
        "Forecast sea-surface temperature, and serve the forecasts.",
    )
    parser.add_argument("--version", action="version", version=f"sst {metadata.version('sst-forecasting')}")
    name, rest = parser.parse_args(arguments[:1]).command, arguments[1:]
    if importlib.util.find_spec(_package(name)) is None:
        parser.error(f"{name} is not available here: the package {_package(name)!r} is not installed")
    if name == "release":
        from forecasting.console import Program

        subcommands = [name.partition(" ")[2] for name in _COMMANDS if name.startswith("release ")]
        description = "Sign, verify and move published releases, go back to an older one, and import networks."
        _parser(Program(name).name, subcommands, description, name).parse_args(rest[:1])
    longer = " ".join([name, *rest[:1]])
    return (longer, rest[1:]) if longer in _COMMANDS else (name, rest)


def _parser(program: str, names: Sequence[str], description: str, group: str = "") -> argparse.ArgumentParser:
    """Return the parser for the name of a command."""
    noun, usual = ("subcommand", "-h") if group else ("command", "--help | --version")
    summaries = {name: _COMMANDS[f"{group} {name}".strip()].summary for name in names}
    listed = "\n".join(f"  {name:10}{summary}" for name, summary in summaries.items())
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} [{usual}] {noun.upper()} ...",
        description=description,
        epilog=f"{noun}s:\n{listed}\n\n'{program} {noun.upper()} --help' shows the options of a {noun}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(noun, choices=names, metavar=noun.upper(), help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
