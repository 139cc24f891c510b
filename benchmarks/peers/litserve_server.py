"""LitServe: ``python litserve_server.py PORT``, in a folder with ``gru.pt``."""

import sys
from collections.abc import Sequence
from typing import Any

import litserve as ls
import torch


class Sst(ls.LitAPI):
    """One window per request, batched by LitServe in its worker process."""

    def setup(self, device: str) -> None:
        """Load the network."""
        torch.set_num_threads(1)
        self.network = torch.jit.load("gru.pt").eval()

    def decode_request(self, request: dict[str, Any]) -> tuple[list[float], float]:
        """The window and the valid time of a request."""
        return request["sst"], request["valid_time"]

    def batch(self, inputs: Sequence[tuple[list[float], float]]) -> tuple[torch.Tensor, torch.Tensor]:
        """The arguments of the network for a batch."""
        windows, times = zip(*inputs, strict=True)
        return torch.tensor(windows, dtype=torch.float32), torch.tensor(times, dtype=torch.float64)

    def predict(self, batch: tuple[torch.Tensor, torch.Tensor]) -> list[float]:
        """Forecast one value per window."""
        with torch.inference_mode():
            forecast: list[float] = self.network(*batch).tolist()
        return forecast

    def unbatch(self, output: list[float]) -> list[float]:
        """Split a batch into one value per request."""
        return output

    def encode_response(self, output: float) -> dict[str, float]:
        """The response to a request."""
        return {"forecast": output}


if __name__ == "__main__":
    api = Sst(max_batch_size=32, batch_timeout=0.001)
    # The queue that the documentation recommends above a hundred requests per second.
    server = ls.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, generate_client_file=False
    )
