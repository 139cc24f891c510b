import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks import serving
from benchmarks.support import load
from tests.forks import run
from tests.serving import serve_app

needs_wrk = pytest.mark.skipif(not load.is_available(), reason="wrk is not installed")


@pytest.mark.long
@needs_wrk
def test_lines_are_sent_as_json_bodies_in_turn(tmp_path: Path) -> None:
    seen: list[tuple[bytes, str]] = []

    async def keep(request: Request) -> Response:
        seen.append((await request.body(), request.headers["content-type"]))
        return JSONResponse({})

    app = Starlette(routes=[Route("/forecast", keep, methods=["POST"]), Route("/health/ready", JSONResponse({}))])
    bodies = tmp_path / "bodies"
    bodies.write_bytes(b'{"a": 1}\n{"b": 2}\n{"c": 3}\n')
    with serve_app(app) as client:
        measured = load.drive(f"{client.base_url}/forecast", bodies, 1, 1)
    sent = [body for body, _ in seen]
    assert set(sent[:3]) == {b'{"a": 1}', b'{"b": 2}', b'{"c": 3}'}
    assert sent[3:6] == sent[:3]
    assert {kind for _, kind in seen} == {"application/json"}
    assert measured.rate == pytest.approx(len(seen), rel=0.2)
    assert 0 < measured.p50 <= measured.p99


@pytest.mark.long
@needs_wrk
def test_a_run_with_failed_requests_gives_no_figure(tmp_path: Path) -> None:
    answers = iter([200] * 20 + [503])

    async def fail_once(request: Request) -> Response:
        return JSONResponse({}, next(answers, 200))

    app = Starlette(routes=[Route("/forecast", fail_once, methods=["POST"]), Route("/health/ready", JSONResponse({}))])
    bodies = tmp_path / "bodies"
    bodies.write_bytes(b"{}\n")
    with serve_app(app) as client, pytest.raises(RuntimeError, match=r"1 of .* requests to .* failed"):
        load.drive(f"{client.base_url}/forecast", bodies, 1, 1)


def test_without_wrk_the_table_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "apt install wrk" in list(serving.measure())[-1]


@pytest.mark.long
def test_an_unknown_measurement_is_refused_with_the_known_ones() -> None:
    done = run([sys.executable, "-m", "benchmarks", "nonsense"])
    assert done.returncode == 2
    assert "unknown measurement nonsense; choose from serving, " in done.stderr
