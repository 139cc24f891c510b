"""``python -m training rollback``: make another release serve."""

import argparse

from forecasting.releases.trusted_keys import TrustedKeys
from training.cli.options import add_artifacts_folder
from training.cli.programs import ROLLBACK
from training.publish.release import rollback


def main(arguments: list[str]) -> int:
    """Make another release of a dataset serve; returns 0."""
    options = _parser().parse_args(arguments)
    version = rollback(options.out, options.name, options.version, TrustedKeys.chosen(()))
    print(f"{options.out / options.name}: {version} is now serving")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=ROLLBACK.name, description="Serve another release.")
    parser.add_argument("name", metavar="NAME", help="name of the dataset")
    parser.add_argument(
        "version", nargs="?", metavar="VERSION", help="version to serve (default: the one before the current release)"
    )
    add_artifacts_folder(parser)
    return parser
