"""The file of a network to import: whether it is TorchScript, told from its bytes without running any of it."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError
from forecasting.networks.metadata import digest

MAX_BYTES: Final = 2**30
"""Size of a file, and of what it unpacks to: each process of the service holds the network in memory."""

_SCRIPT_IT: Final = "build the module, load its weights, and save it with torch.jit.script(module).save('model.pt')"
_PICKLED: Final = f"which is never opened because a pickle can run any program: {_SCRIPT_IT}"


@dataclass(frozen=True)
class ModelFile:
    """A TorchScript file that was read once, so that what is checked is what is published.

    Attributes:
        name: of the file, without its folder.
        content: of the file.
    """

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Digest of the content, in hexadecimal."""
        return digest(self.content)

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """Read a file and check that it is TorchScript, without loading it.

        Raises:
            ReleaseError: if it cannot be read, is too large, or is another kind of file; says what to do.
        """
        try:
            size = path.stat().st_size
            if path.is_dir():
                raise ReleaseError(f"{path} is a folder: name a TorchScript file")
            if size > MAX_BYTES:
                raise ReleaseError(f"{path} has {_mebibytes(size)}, but the limit is {_mebibytes(MAX_BYTES)}")
            content = path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"cannot read {path}: {error.strerror}") from None
        if (problem := _problem(content, path.suffix.lower())) is not None:
            raise ReleaseError(f"{path} {problem}")
        return cls(path.name, content)


def _problem(content: bytes, suffix: str) -> str | None:
    """Return why the content is no TorchScript file, as the predicate of a sentence; None if it is one."""
    if not content:
        return "is empty: save the module again"
    if not content.startswith(b"PK"):
        return _problem_of_other(content, suffix)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "is damaged: its list of contents cannot be read; copy or save it again"
    if sum(member.file_size for member in members) > MAX_BYTES:
        return f"unpacks to more than {_mebibytes(MAX_BYTES)}, which is the limit"
    return _problem_of_archive([member.filename for member in members])


def _problem_of_archive(names: list[str]) -> str | None:
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return None
    if "archive_format" in inner or any(name.startswith("models/") for name in inner):
        return f"is a torch.export program, not TorchScript: {_SCRIPT_IT}"
    if "data.pkl" in inner:
        return f"was written by torch.save: it holds weights or a pickled module, {_PICKLED}"
    return f"is an archive, but not TorchScript: {_SCRIPT_IT}"


def _problem_of_other(content: bytes, suffix: str) -> str:
    if suffix == ".onnx":
        return f"is an ONNX model, not TorchScript: {_SCRIPT_IT}"
    if content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05":
        return f"is a pickle, {_PICKLED}"
    if suffix == ".safetensors" or content[8:9] == b"{":
        return f"holds only weights: {_SCRIPT_IT}"
    return f"is not a TorchScript file: {_SCRIPT_IT}"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
