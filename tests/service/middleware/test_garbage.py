"""A request leaves nothing to the garbage collector, which stops the event loop while it runs."""

import json
import sys
from pathlib import Path

import pytest

from forecasting.series.sst_series import SstSeries
from tests.forks import run
from tests.service.middleware.garbage import REQUESTS
from tests.service.requests import body


@pytest.mark.parametrize(("change", "status"), [({}, 200), ({"horizon": 0}, 422), ({"model": "none"}, 404)])
def test_a_request_leaves_no_cycles(
    artifacts: Path, nino12: SstSeries, tmp_path: Path, change: dict[str, object], status: int
) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body(nino12) | change))
    done = run([sys.executable, "-m", "tests.service.middleware.garbage", artifacts, request])
    answered, garbage = map(int, done.stdout.split())
    assert (answered, garbage < REQUESTS) == (status, True), done.stderr
