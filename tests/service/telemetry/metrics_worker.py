"""A worker process: answers requests, holds one, and writes what it sees for each line that it reads.

Its arguments are its place, the number of requests, and the ModelInfo of what it serves in the end, as JSON.
"""

import json
import sys

from service.telemetry.metrics import Metrics, ModelInfo, begin_worker

GRU = ModelInfo("nino12-gru", "20260101T000000Z", "gru", "nino12", "cpu", "0123456789ab")


def main(place: int, requests: int, info: ModelInfo) -> None:
    begin_worker(place)
    metrics = Metrics(["/forecast"])
    assert metrics.shared
    metrics.models([GRU])
    for _ in range(requests):
        metrics.started(1)
        metrics.ended(1)
        metrics.request("/forecast", "POST", 200, 0.25)
    metrics.batches.count_run("nino12-gru", requests, 0.001, 0.002)
    metrics.models([info])
    metrics.started(1)
    for _ in sys.stdin:
        sys.stdout.write(json.dumps(metrics.exposition()[0].decode()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), ModelInfo(*json.loads(sys.argv[3])))
