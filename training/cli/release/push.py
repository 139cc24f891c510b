"""``python -m training release push``: copy releases to another place."""

import argparse
from pathlib import Path

from forecasting.console import command_name
from forecasting.releases.release_folders import release_folders
from forecasting.releases.remote.push import push
from forecasting.releases.remote.remote_folder import RemoteFolder
from forecasting.wording import counted


def main(arguments: list[str]) -> int:
    """Push releases; returns 0."""
    options = _parser().parse_args(arguments)
    artifacts = RemoteFolder.open(options.url)
    for folder in release_folders(options.source):
        copied = push(folder, artifacts, make_current=not options.keep_current)
        serving = "" if options.keep_current else "; it is now current"
        print(f"{copied.place}: {copied.copied} of {counted(copied.files, 'file')} copied{serving}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=command_name("release push", "training release push"),
        description="Copy releases to another place, such as a bucket of S3: files first, then the manifest and its "
        "signatures, and at last the file that says which release is current. Files that are there already are not "
        "copied again.",
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a release, a dataset (its current release) or an artifacts folder (all current releases)",
    )
    parser.add_argument("url", metavar="URL", help="artifacts folder to copy to, as in s3://bucket/artifacts")
    parser.add_argument("--keep-current", action="store_true", help="do not make the copied release current")
    return parser
