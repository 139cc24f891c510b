"""The content of the images, and how containers start and stop."""

import json
import subprocess

import pytest

from tests.containers.composition import IMAGES, PROJECT, Composition
from tests.containers.conftest import Build
from tests.containers.engine import docker, inspect, run_to_end

both = pytest.mark.parametrize("image", IMAGES.values(), ids=list(IMAGES))


def python(image: str, code: str) -> str:
    status, printed = run_to_end("--entrypoint=python", image, "-c", code)
    assert status == 0, printed
    return printed.strip()


def test_the_service_image_stays_under_1_1_gb(build: Build) -> None:
    layers = docker("history", "--format", "{{.Size}}\t{{.CreatedBy}}", "--no-trunc", IMAGES["service"])
    assert inspect(IMAGES["service"])["Size"] < 1.1e9, layers


@both
def test_an_image_holds_one_program_and_its_user_cannot_change_it(build: Build, image: str) -> None:
    assert inspect(image)["Config"]["User"] == "10001:10001"
    content = python(
        image,
        "import glob, json, os, shutil; print(json.dumps({"
        "'tools': [tool for tool in ('cc', 'gcc', 'g++', 'ld', 'make', 'git') if shutil.which(tool)],"
        "'tests': glob.glob('/app/**/tests', recursive=True) + glob.glob('/opt/venv/**/tests', recursive=True),"
        "'pip': glob.glob('/opt/venv/**/pip', recursive=True),"
        "'open': [path for path in ('/app', '/app/forecasting', '/opt/venv') if os.access(path, os.W_OK)],"
        "'programs': sorted(set(os.listdir('/app')) & {'service', 'training', 'scoring'})}))",
    )
    program = image.removeprefix("sst-forecasting-").removesuffix(":test")
    assert json.loads(content) == {"tools": [], "tests": [], "pip": [], "open": [], "programs": [program]}


def test_the_service_image_has_the_modules_of_the_page_in_one_file(build: Build) -> None:
    size = python(IMAGES["service"], "import os; print(os.path.getsize('/app/service/plugins/page/static/bundle.js'))")
    assert int(size) > 50_000


@both
def test_torch_is_the_cpu_build(build: Build, image: str) -> None:
    assert python(image, "import torch; print(torch.version.cuda)") == "None"


@both
def test_a_secret_in_the_folder_is_in_no_image(build: Build, image: str) -> None:
    assert build.forgotten not in docker("history", "--no-trunc", image)
    container = docker("create", image)
    try:
        content = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
        assert content.stdout is not None
        with content.stdout as stream:
            tail = b""
            while block := stream.read(1 << 20):
                assert build.forgotten.encode() not in tail + block
                tail = block[-100:]
        assert content.wait() == 0
    finally:
        docker("rm", container)


def test_a_service_without_keys_does_not_start_unless_anonymous_callers_are_allowed(build: Build) -> None:
    status, printed = run_to_end(IMAGES["service"])
    assert status == 2
    assert json.loads(printed)["message"].startswith("other machines can reach 0.0.0.0, but there are no keys")


def test_a_service_with_an_altered_checkpoint_never_becomes_ready(composition: Composition) -> None:
    volume = f"{PROJECT}_altered"
    alter = "for file in artifacts/*/*/gru.pt; do printf x | dd conv=notrunc bs=1 seek=9999 of=$file; done"
    volumes = ["-v", f"{PROJECT}_artifacts:/from:ro", "-v", f"{volume}:/app/artifacts"]
    docker("run", "--rm", *volumes, IMAGES["training"], "sh", "-c", f"cp -r /from/. artifacts && {alter}")
    try:
        status, printed = run_to_end(
            "-v", f"{volume}:/app/artifacts:ro", "-e", "SST_ALLOW_ANONYMOUS=true", IMAGES["service"]
        )
    finally:
        docker("volume", "rm", volume)
    assert status == 2
    assert "gru.pt has changed since it was published: its sha256 differs" in printed
    assert "Serving on" not in printed
    assert "Traceback" not in printed
