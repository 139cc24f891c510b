"""The receiver in docs/guides/stations.md, as it stands there."""

import re
import threading
import time
from http.server import HTTPServer
from typing import Any

import httpx

from service.plugins.stations.webhooks import headers_of
from tests.conftest import ROOT

GUIDE = ROOT / "docs" / "guides" / "stations.md"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def test_the_receiver_of_the_guide_believes_what_is_signed_with_its_secret() -> None:
    (program,) = re.findall(r"```python\n(from http.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    definitions, begin, _ = program.partition("HTTPServer((")
    assert begin
    printed: list[Any] = []
    names: dict[str, Any] = {"print": lambda alert, flush: printed.append(alert)}
    exec(definitions, names)
    quiet = type("Quiet", (names["Receiver"],), {"log_message": lambda *_: None})
    server = HTTPServer(("127.0.0.1", 0), quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        body, url = b'{"alert": "began"}', f"http://127.0.0.1:{server.server_port}"
        signed, forged = (
            headers_of(body, "key", [secret], int(time.time())) for secret in (SECRET, "another secret of it")
        )
        statuses = [httpx.post(url, content=body, headers=headers).status_code for headers in (signed, forged, {})]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert statuses == [204, 401, 401]
    assert printed == [{"alert": "began"}]
