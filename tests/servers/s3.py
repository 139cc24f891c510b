"""A server that speaks S3, on loopback, in a thread of the test process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "sea"


class S3Server:
    """A server that can be away for a while. It keeps its content then."""

    url = f"s3://{BUCKET}"

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = ThreadedMotoServer("127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()

    def stop(self) -> None:
        """Refuse connections."""
        self._server.stop()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server with an empty bucket. The environment names the server meanwhile."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = S3Server()
    try:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
                "AWS_ACCESS_KEY_ID": "alice",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": "us-east-1",
            }.items():
                environment.setenv(name, value)
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            yield server
    finally:
        server.stop()
