"""``python -m training add-dependence``: give joint paths to a release that was trained without them."""

import argparse
from typing import Final

import torch

from forecasting.releases.release import open_current
from forecasting.releases.trusted_keys import TrustedKeys
from training.cli.options import add_artifacts_folder, positive
from training.cli.programs import ADD_DEPENDENCE
from training.cli.summary import print_unsigned
from training.pretraining.published.dependence import universal_dependences
from training.publish.place_dependence import place_dependences
from training.publish.republish import add_dependence

_SEAS: Final = 1_000


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    release = open_current(options.out, options.name, TrustedKeys.chosen(()))
    if release.is_universal:
        path = add_dependence(release, lambda universal: universal_dependences(universal, options.seas))
    else:
        path = add_dependence(release, place_dependences)
    print(f"{path} is now current")
    print_unsigned(path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=ADD_DEPENDENCE.name,
        description="Learn how the errors of a release at different leads depend on each other, and publish it again "
        "with the same weights, so that the probabilities of its events are calibrated. It has to be signed again.",
    )
    parser.add_argument("name", help="name of the dataset")
    parser.add_argument(
        "--seas",
        type=positive,
        default=_SEAS,
        metavar="N",
        help="simulated seas, for a universal release (default: %(default)s)",
    )
    add_artifacts_folder(parser)
    return parser
