"""``python -m training rollback``: make another release serve."""

import argparse

from forecasting.releases.trusted_keys import TrustedKeys
from training.cli.options import add_artifacts_folder
from training.cli.programs import ROLLBACK
from training.cli.release.options import add_private_key, private_key
from training.publish.release import rollback


def main(arguments: list[str]) -> int:
    """Make another release of a dataset serve; returns 0."""
    options = _parser().parse_args(arguments)
    key = None if options.key is None else private_key(options)
    version = rollback(options.out, options.name, options.version, TrustedKeys.chosen(()), key)
    print(f"{options.out / options.name}: {version} is now serving")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=ROLLBACK.name,
        description="Serve another release. Where releases have to be signed, going back has to be signed too.",
    )
    parser.add_argument("name", metavar="NAME", help="name of the dataset")
    parser.add_argument(
        "version", nargs="?", metavar="VERSION", help="version to serve (default: the one before the current release)"
    )
    add_artifacts_folder(parser)
    add_private_key(parser, required=False)
    return parser
