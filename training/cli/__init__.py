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

_COMMANDS: Final = {
    "fetch": (FETCH, Entry("training.cli.data:FETCH_COMMAND")),
    "gallery": (GALLERY, Entry("training.cli.pretrain:GALLERY_COMMAND")),
    "inspect": (INSPECT, Entry("training.cli.data:INSPECT_COMMAND")),
    "pretrain": (PRETRAIN, Entry("training.cli.pretrain:PRETRAIN_COMMAND")),
    "rollback": (ROLLBACK, Entry("training.cli.release:OLD_ROLLBACK_COMMAND")),
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


def run(arguments: Sequence[str]) -> int:
    """Run a command as this process; returns the exit status."""
    program = RELEASE.subcommand(*arguments[1:2]) if arguments[:1] == ["release"] else _find(arguments)[0]
    return run_process(lambda: main(arguments), program, "interrupted; nothing was published or replaced")


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names, by default ``train``.

    Returns:
        The exit status: 0 on success, 2 after an error; some commands also return 1.
    """
    if arguments[:1] == ["release"]:
        description = "Sign, verify and move published releases, go back to an older one, and import networks."
        return run_group(RELEASE, description, _RELEASE_COMMANDS, arguments[1:])
    program, entry = _find(arguments)
    with exit_without_extra("training", "Training"):
        command = entry.load()
    return command.main(arguments if program == TRAIN else arguments[1:])


def _find(arguments: Sequence[str]) -> tuple[Program, Entry]:
    train = TRAIN, Entry("training.cli.train:TRAIN_COMMAND")
    return _COMMANDS.get(arguments[0], train) if arguments else train
