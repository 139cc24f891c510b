"""The names of the commands, for help and messages. Imports nothing slow."""

from collections.abc import Sequence
from typing import Final

from forecasting.console import Program

TRAIN: Final = Program("train", "training")
FETCH: Final = Program("fetch", "training fetch")
GALLERY: Final = TRAIN.subcommand("gallery")
INSPECT: Final = Program("inspect", "training inspect")
PRETRAIN: Final = TRAIN.subcommand("pretrain")
RELEASE: Final = Program("release", "training release")
ROLLBACK: Final = Program("rollback", "training rollback")

_PROGRAMS: Final = {
    "fetch": FETCH,
    "gallery": GALLERY,
    "inspect": INSPECT,
    "pretrain": PRETRAIN,
    "rollback": ROLLBACK,
}


def program_of(arguments: Sequence[str]) -> Program:
    """Return the program that the arguments of ``python -m training`` run."""
    if arguments[:1] == ["release"]:
        return RELEASE.subcommand(*arguments[1:2])
    return _PROGRAMS.get(arguments[0], TRAIN) if arguments else TRAIN
