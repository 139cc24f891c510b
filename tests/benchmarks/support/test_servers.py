import os
import sys

import pytest

from benchmarks.support.servers import ECHO, NO_OP, Program, serving


@pytest.mark.long
@pytest.mark.parametrize(("program", "answer"), [(ECHO, b'{"a":1}'), (NO_OP, b'{"ok":true}')])
def test_floors_respond_and_are_stopped_afterwards(program: Program, answer: bytes) -> None:
    with serving(program, b"{}") as server:
        assert server.post(b'{"a":1}') == answer
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_program_that_does_not_start_is_quoted() -> None:
    broken = Program("broken", (sys.executable, "-c", "raise SystemExit('no such model')"))
    with pytest.raises(RuntimeError, match=r"broken does not respond:\s+no such model"), serving(broken, b"{}"):
        pass


@pytest.mark.long
def test_a_response_with_an_error_in_it_is_refused() -> None:
    with serving(ECHO, b"{}") as server, pytest.raises(RuntimeError, match="responded 200"):
        server.post(b'{"forecasts":[{"id":"0","error":"too short"}]}')
