"""Manifests, as a cluster reads them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]


def rendered(folder: Path) -> list[Manifest]:
    """Return every object, rendered by kustomize; without kubectl, as written in the files."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if shutil.which("kubectl") is None:
        files = [folder / name for name in kustomization["resources"] if (folder / name).is_file()]
        return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def of(manifests: list[Manifest], kind: str, name: str = "service") -> Manifest:
    """Return the object of a kind and name."""
    (manifest,) = [
        manifest for manifest in manifests if manifest["kind"] == kind and manifest["metadata"]["name"] == name
    ]
    return manifest


def unlisted(folder: Path) -> list[str]:
    """Return the files of a folder that its kustomization does not list."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    files = {path.name for path in folder.iterdir() if path.is_file()}
    return sorted(files - {*listed, "kustomization.yaml"})
