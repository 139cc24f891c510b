"""``python -m training release pull``: copy releases from another place."""

import argparse
from pathlib import Path

from forecasting.releases.remote.pull import pull, remote_releases
from forecasting.releases.trusted_keys import TrustedKeys
from training.cli.programs import RELEASE
from training.cli.release.options import RELEASES, add_keep_current, add_trusted_keys, print_copied


def main(arguments: list[str]) -> int:
    """Pull releases; returns 0."""
    options = _parser().parse_args(arguments)
    trusted = TrustedKeys.chosen(options.trusted_key)
    for release in remote_releases(options.url):
        copied = pull(release, options.destination, trusted, make_current=not options.keep_current)
        print_copied(copied, is_current=not options.keep_current)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=RELEASE.subcommand("pull").name,
        description="Copy releases from another place, such as a bucket of S3, and check every file. A release appears "
        "only when it is complete. A copy that was interrupted continues where it stopped.",
    )
    parser.add_argument(
        "url",
        metavar="URL",
        help=f"{RELEASES}, as in s3://bucket/artifacts/nino12",
    )
    parser.add_argument(
        "destination",
        nargs="?",
        type=Path,
        default=Path("artifacts"),
        metavar="DIR",
        help="artifacts folder to copy to (default: %(default)s)",
    )
    add_keep_current(parser)
    add_trusted_keys(parser)
    return parser
