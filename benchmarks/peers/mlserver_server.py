"""MLServer: ``python mlserver_server.py PORT``, in a folder with ``gru.pt``."""

import asyncio
import socket
import sys

import torch
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Sst(MLModel):
    """One window per request, batched by MLServer."""

    async def load(self) -> bool:
        """Load the network."""
        torch.set_num_threads(1)
        self.network = torch.jit.load("gru.pt").eval()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Forecast from the inputs ``sst`` and ``valid_time`` of the Open Inference Protocol."""
        arrays = {tensor.name: torch.from_numpy(NumpyCodec.decode_input(tensor)) for tensor in payload.inputs}
        with torch.inference_mode():
            forecast = self.network(arrays["sst"], arrays["valid_time"].reshape(-1))
        output = NumpyCodec.encode_output("forecast", forecast.numpy()[:, None])
        return InferenceResponse(model_name=self.name, outputs=[output])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def _serve(port: int) -> None:
    # Inference in the server process: with a separate one (parallel_workers=1) MLServer was a tenth slower, and 1.7.1
    # cannot start one with uvloop 0.23.
    settings = Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=_free_port(),
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
        gzip_enabled=False,
    )
    model = ModelSettings(name="gru", implementation=Sst, max_batch_size=32, max_batch_time=0.001)
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
