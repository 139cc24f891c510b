"""The other workers of the same service, reached through a socket in a folder that they share."""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

Message = dict[str, str]
Handle = Callable[[Message], Awaitable[Message]]

_LINE: Final = 64 * 1_024
_SERVES: Final = "=serves"


class WorkerBus:
    """The other workers of a service; none where there is no ``folder``."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    @asynccontextmanager
    async def listening(self, handle: Handle) -> AsyncIterator[None]:
        """Answer what other workers send meanwhile, by ``handle``."""
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
            async with await asyncio.start_unix_server(answer, path, limit=_LINE):
                yield
        finally:
            path.unlink(missing_ok=True)

    async def ask_others(self, message: Message) -> list[Message]:
        """What each other worker answers; one that is gone is left out."""
        if self.folder is None:
            return []
        own = f"{os.getpid()}.sock"
        sockets = [path for path in sorted(self.folder.glob("*.sock")) if path.name != own]
        answers = await asyncio.gather(*(self._ask(path, message) for path in sockets))
        return [answer for answer in answers if answer is not None]

    def serve(self, dataset: str, version: str) -> None:
        """Write down which release of a dataset serves: what workers that start from now on can fall back on."""
        self.write(f"{dataset}{_SERVES}", version)

    def write(self, name: str, text: str) -> None:
        """Have a file in the folder hold ``text``, whole for whoever reads it meanwhile; nothing without a folder."""
        # What stands there already takes no room, which a full disk would not have.
        if self.folder is not None and self._read(name) != text:
            fresh = self.folder / f"{name}.{os.getpid()}"
            fresh.write_text(text)
            fresh.replace(self.folder / name)

    def _read(self, name: str) -> str | None:
        assert self.folder is not None
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return None

    def serving(self) -> dict[str, str]:
        """The version that serves, by dataset, as it was written down last; none where no worker has served yet."""
        if self.folder is None:
            return {}
        return {path.name.removesuffix(_SERVES): path.read_text() for path in self.folder.glob(f"*{_SERVES}")}

    def is_any_left(self) -> bool:
        """Whether a worker answers to others."""
        return self.folder is not None and any(self.folder.glob("*.sock"))

    def remove_socket(self, pid: int) -> None:
        """Remove what a worker that was killed could not take with it."""
        if self.folder is not None:
            (self.folder / f"{pid}.sock").unlink(missing_ok=True)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """No other worker is in here meanwhile."""
        if self.folder is None:
            yield
            return
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    async def _ask(self, path: Path, message: Message) -> Message | None:
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=_LINE)
        except (FileNotFoundError, ConnectionRefusedError):
            # Killed before it could take its socket with it; or it begins, and is about to listen.
            return None
        except OSError as error:
            return {"error": f"worker {path.stem} could not be asked: {error.strerror}"}
        try:
            writer.write(json.dumps(message).encode() + b"\n")
            answer: Message = json.loads(await reader.readline())
            return answer
        except (OSError, ValueError):
            return None
        finally:
            writer.close()
