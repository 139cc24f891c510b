"""compose.gpu.yml, as far as it can be checked without a GPU."""

import json

from tests.containers.composition import Composition


def test_the_override_asks_for_one_gpu_and_for_a_torch_that_can_use_it() -> None:
    files = ("docker-compose.yml", "compose.gpu.yml")
    replica = json.loads(Composition(files).compose("config", "--format", "json"))["services"]["service"]
    assert replica["environment"]["SST_DEVICE"] == "cuda"
    (device,) = replica["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert replica["build"]["args"]["TORCH_INDEX"] == ""
    assert replica["image"] == "sst-forecasting-service:test-gpu"
