"""``python -m training release push``: copy releases to another place."""

import argparse
from pathlib import Path

from forecasting.releases.release_folders import release_folders
from forecasting.releases.remote.push import push
from forecasting.releases.remote.remote_folder import RemoteFolder
from training.cli.programs import RELEASE
from training.cli.release.options import RELEASES, add_keep_current, print_copied


def main(arguments: list[str]) -> int:
    """Push releases; returns 0."""
    options = _parser().parse_args(arguments)
    artifacts = RemoteFolder.open(options.url)
    for folder in release_folders(options.source):
        copied = push(folder, artifacts, make_current=not options.keep_current)
        print_copied(copied, is_current=not options.keep_current)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=RELEASE.subcommand("push").name,
        description="Copy releases to another place, such as a bucket of S3: files first, then the manifest and its "
        "signatures, and finally the file that says which release is current. Files that are there already are not "
        "copied again.",
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help=RELEASES,
    )
    parser.add_argument("url", metavar="URL", help="artifacts folder to copy to, as in s3://bucket/artifacts")
    add_keep_current(parser)
    return parser
