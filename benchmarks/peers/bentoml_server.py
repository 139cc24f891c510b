"""BentoML: ``python -m bentoml serve bentoml_server:Sst --port PORT``, in a folder with ``gru.pt``."""

import bentoml
import numpy as np
import torch


@bentoml.service(workers=1, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Sst:
    """One window per request, batched by BentoML."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.network = torch.jit.load("gru.pt").eval()

    @bentoml.api(batchable=True)
    def forecast(self, rows: np.ndarray) -> np.ndarray:
        """Forecast rows that hold a window and its valid time, since a batch is one array."""
        windows = torch.from_numpy(rows[:, :-1].astype(np.float32))
        with torch.inference_mode():
            forecast: np.ndarray = self.network(windows, torch.from_numpy(rows[:, -1].copy())).numpy()
        return forecast
