"""The commands of batch scoring: ``sst score`` and ``sst verify``. Imports nothing slow."""

from collections.abc import Sequence

from forecasting.console import run_process
from forecasting.extras import exit_without_extra
from scoring.cli.arguments import SCORE, parse
from scoring.cli.start import leave_out_dask, load_torch_aside, processes_for
from scoring.cli.verify_arguments import VERIFY, verify_parser


def run(arguments: Sequence[str]) -> int:
    """Run a command as this process; returns the exit status."""
    program = VERIFY if arguments[:1] == ["verify"] else SCORE
    again = "; run the same command again to resume"
    return run_process(lambda: main(arguments), program, f"interrupted{again}", again)


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names; returns the exit status."""
    return (_verify if arguments[0] == "verify" else _score)(arguments[1:])


def _verify(arguments: Sequence[str]) -> int:
    options = verify_parser().parse_args(arguments)
    with exit_without_extra("scoring", "Verification"):
        from scoring.cli.verifying import main

        return main(options)


def _score(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # Modules that read and write are imported later, depending on the input.
    with exit_without_extra("scoring", "Batch scoring"):
        if not options.cluster:
            leave_out_dask()
        if processes_for(options):
            load_torch_aside(options)
        from scoring.cli.command import main

        return main(options)
