"""The commands of training: ``sst train``, ``fetch``, ``inspect`` and ``release``. Each is imported only to run it."""

from collections.abc import Sequence
from typing import Final

from forecasting.console import Entry, Program, run_group, run_process
from forecasting.extras import exit_without_extra

TRAIN: Final = Program("train", "training")
FETCH: Final = Program("fetch", "training fetch")
INSPECT: Final = Program("inspect", "training inspect")
RELEASE: Final = Program("release", "training release")
ROLLBACK: Final = Program("rollback", "training rollback")
GALLERY: Final = TRAIN.subcommand("gallery")
PRETRAIN: Final = TRAIN.subcommand("pretrain")

_TRAIN: Final = Entry("training.cli.train:TRAIN_COMMAND")
_COMMANDS: Final = {
    "fetch": Entry("training.cli.data:FETCH_COMMAND"),
    "gallery": Entry("training.cli.pretrain:GALLERY_COMMAND"),
    "inspect": Entry("training.cli.data:INSPECT_COMMAND"),
    "pretrain": Entry("training.cli.pretrain:PRETRAIN_COMMAND"),
    "rollback": Entry("training.cli.release:OLD_ROLLBACK_COMMAND"),
}
_RELEASE_COMMANDS: Final = {
    "import": Entry(
        "training.cli.train:IMPORT_COMMAND",
        "check, evaluate and publish a network that was trained elsewhere",
        ("training", "Importing a network"),
    ),
    "key": Entry("training.cli.release:KEY_COMMAND", "make a key pair"),
    "pull": Entry("training.cli.release:PULL_COMMAND", "copy releases from another place, such as a bucket"),
    "push": Entry("training.cli.release:PUSH_COMMAND", "copy releases to another place"),
    "rollback": Entry("training.cli.release:ROLLBACK_COMMAND", "serve an older release again"),
    "sign": Entry("training.cli.release:SIGN_COMMAND", "sign releases with a private key"),
    "verify": Entry("training.cli.release:VERIFY_COMMAND", "check files and signatures of releases"),
}
_PROGRAMS: Final = {"fetch": FETCH, "gallery": GALLERY, "inspect": INSPECT, "pretrain": PRETRAIN, "rollback": ROLLBACK}


def run(arguments: Sequence[str]) -> int:
    """Run a command as this process; returns the exit status."""
    return run_process(
        lambda: main(arguments), _program_of(arguments), "interrupted; nothing was published or replaced"
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names, by default ``train``.

    Returns:
        The exit status: 0 on success, 2 after an error; some commands also return 1.
    """
    if arguments[:1] == ["release"]:
        description = "Sign, verify and move published releases, go back to an older one, and import networks."
        return run_group(RELEASE, description, _RELEASE_COMMANDS, arguments[1:])
    command = _COMMANDS.get(arguments[0]) if arguments else None
    with exit_without_extra("training", "Training"):
        loaded = (command or _TRAIN).load()
    return loaded.main(arguments if command is None else arguments[1:])


def _program_of(arguments: Sequence[str]) -> Program:
    if arguments[:1] == ["release"]:
        return RELEASE.subcommand(*arguments[1:2])
    return _PROGRAMS.get(arguments[0], TRAIN) if arguments else TRAIN
