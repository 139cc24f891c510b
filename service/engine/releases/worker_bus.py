"""Connects the workers of a service, through sockets and files in a folder that they share."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from forecasting.disk import locked, write_whole

Message = dict[str, str]
Handle = Callable[[Message], Awaitable[Message]]

_MAX_LINE_BYTES: Final = 64 * 1_024
_SERVES: Final = "=serves"


class WorkerBus:
    """Reaches the other workers of a service. Without a ``folder`` there are none."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    @asynccontextmanager
    async def listening(self, handle: Handle) -> AsyncIterator[None]:
        """Within this context, answer the messages of other workers with ``handle``."""
        if self.folder is None:
            yield
            return

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                message = json.loads(await reader.readline())
                writer.write(json.dumps(await handle(message)).encode() + b"\n")
                await writer.drain()
            finally:
                writer.close()

        path = self.folder / f"{os.getpid()}.sock"
        try:
            async with await asyncio.start_unix_server(answer, path, limit=_MAX_LINE_BYTES):
                yield
        finally:
            path.unlink(missing_ok=True)

    async def ask_others(self, message: Message) -> list[Message]:
        """Send ``message`` to every other worker, and return their answers. A worker that has gone gives none."""
        if self.folder is None:
            return []
        own_name = f"{os.getpid()}.sock"
        sockets = [path for path in sorted(self.folder.glob("*.sock")) if path.name != own_name]
        answers = await asyncio.gather(*(self._ask(path, message) for path in sockets))
        return [answer for answer in answers if answer is not None]

    def serve(self, dataset: str, version: str) -> None:
        """Record which release of a dataset is served, as a fallback for workers that start later."""
        self.write(f"{dataset}{_SERVES}", version)

    def write(self, name: str, text: str) -> None:
        """Replace the content of a file in the folder in one step. Without a folder, do nothing."""
        # Writing the same again could fail on a full disk.
        if self.folder is not None and self._read(name) != text:
            write_whole(self.folder / name, text.encode())

    def _read(self, name: str) -> str | None:
        assert self.folder is not None
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return None

    def serving(self) -> dict[str, str]:
        """Return the version that is served, by dataset, as it was recorded last."""
        if self.folder is None:
            return {}
        return {path.name.removesuffix(_SERVES): path.read_text() for path in self.folder.glob(f"*{_SERVES}")}

    def is_any_left(self) -> bool:
        """Whether any worker listens for messages."""
        return self.folder is not None and any(self.folder.glob("*.sock"))

    def remove_socket(self, pid: int) -> None:
        """Remove the socket that a killed worker left behind."""
        if self.folder is not None:
            (self.folder / f"{pid}.sock").unlink(missing_ok=True)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Lock the folder: only one worker at a time is within this context."""
        if self.folder is None:
            yield
            return
        with locked(self.folder):
            yield

    async def _ask(self, path: Path, message: Message) -> Message | None:
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_LINE_BYTES)
        except (FileNotFoundError, ConnectionRefusedError):
            # The worker was killed and left its socket behind, or it is starting and about to listen.
            return None
        except OSError as error:
            return {"error": f"cannot reach worker {path.stem}: {error.strerror}"}
        try:
            writer.write(json.dumps(message).encode() + b"\n")
            answer: Message = json.loads(await reader.readline())
            return answer
        except (OSError, ValueError):
            return None
        finally:
            writer.close()
