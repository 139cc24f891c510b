"""``python -m training release``: run the subcommand that the first argument names."""

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

from forecasting.extras import needs_extra
from training.cli.programs import RELEASE
from training.cli.release import key, pull, push, sign, verify


class _Subcommand(NamedTuple):
    """A subcommand: takes the arguments that follow its name, and returns the exit status."""

    run: Callable[[list[str]], int]
    summary: str


def _import(arguments: list[str]) -> int:
    with needs_extra("training", "Importing a network"):
        from training.cli.release import importing

    return importing.main(arguments)


_SUBCOMMANDS: Final = {
    "import": _Subcommand(_import, "check, evaluate and publish a network that was trained elsewhere"),
    "key": _Subcommand(key.main, "make a key pair"),
    "pull": _Subcommand(pull.main, "copy releases from another place, such as a bucket"),
    "push": _Subcommand(push.main, "copy releases to another place"),
    "sign": _Subcommand(sign.main, "sign releases with a private key"),
    "verify": _Subcommand(verify.main, "check files and signatures of releases"),
}


def main(arguments: list[str]) -> int:
    """Run a subcommand; returns its exit status."""
    name: str = _parser().parse_args(arguments[:1]).subcommand
    return _SUBCOMMANDS[name].run(arguments[1:])


def _parser() -> argparse.ArgumentParser:
    name = RELEASE.name
    subcommands = "\n".join(f"  {name:8}{subcommand.summary}" for name, subcommand in _SUBCOMMANDS.items())
    parser = argparse.ArgumentParser(
        prog=name,
        usage=f"{name} [-h] SUBCOMMAND ...",
        description="Sign, verify and move published releases, and import networks.",
        epilog=f"subcommands:\n{subcommands}\n\n'{name} SUBCOMMAND --help' shows the options of a subcommand.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subcommand", choices=_SUBCOMMANDS, metavar="SUBCOMMAND", help=argparse.SUPPRESS)
    return parser
