"""compose.gpu.yml, as far as it can be checked without a GPU."""

import json

from tests.containers.composition import Composition


def test_the_gpu_override_requests_one_gpu_and_a_gpu_build_of_torch() -> None:
    files = ("docker-compose.yml", "compose.gpu.yml")
    replica = json.loads(Composition(files).compose("config", "--format", "json"))["services"]["service"]
    assert replica["environment"]["SST_DEVICE"] == "cuda"
    (device,) = replica["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert replica["build"]["args"]["TORCH_INDEX"] == ""
    assert replica["image"] == "sst-forecasting-service:test-gpu"
