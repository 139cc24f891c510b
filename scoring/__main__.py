"""``python -m scoring``."""

import sys

from forecasting.console import end_like_ctrl_c, run_command
from forecasting.extras import exit_without_extra
from scoring.cli.arguments import SCORE, parse
from scoring.cli.start import leave_out_dask, load_torch_aside, processes_for
from scoring.cli.verify_arguments import VERIFY, verify_parser


def _command() -> int:
    return _verify(sys.argv[2:]) if _is_verify() else _score(sys.argv[1:])


def _is_verify() -> bool:
    return sys.argv[1:2] == [VERIFY.sst_command]


def _verify(arguments: list[str]) -> int:
    options = verify_parser().parse_args(arguments)
    with exit_without_extra("scoring", "Verification"):
        from scoring.cli.verifying import main

        return main(options)


def _score(arguments: list[str]) -> int:
    options = parse(arguments)
    # Modules that read and write are imported later, depending on the input.
    with exit_without_extra("scoring", "Batch scoring"):
        if not options.cluster:
            leave_out_dask()
        if processes_for(options):
            load_torch_aside(options)
        from scoring.cli.command import main

        return main(options)


def _run() -> int:
    end_like_ctrl_c()
    program = VERIFY if _is_verify() else SCORE
    try:
        return run_command(_command)
    except KeyboardInterrupt:
        program.say("interrupted; run the same command again to resume")
        return 130
    except OSError as error:
        program.say(f"stopped: {error}; run the same command again to resume")
        return 1


if __name__ == "__main__":
    sys.exit(_run())
