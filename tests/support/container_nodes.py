"""Owns pytest-celery's nodes as containers, where Docker answers: the same handles as the processes of `local_nodes`.

The image is that of `deploy/Dockerfile`, with this tree laid over it, since the tests' own apps are in no image. A
test's folder is mounted at its own path: whoever looks at a file looks at the same one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from pytest_celery import CeleryTestWorker, CeleryWorkerContainer

ROOT = Path(__file__).parents[2]
IMAGE = "igny8-pipeline:tests"


def docker_answers() -> bool:
    """Whether there is a Docker that would start containers."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0  # noqa: S607 - whichever is first on the path
    except (OSError, subprocess.TimeoutExpired):
        return False


class WorkerContainer(CeleryWorkerContainer):
    """A worker of the image."""

    @property
    def pid(self) -> int:
        """Its process, as the machine counts."""
        self.reload()
        return int(self.attrs["State"]["Pid"])


class ContainerWorker(CeleryTestWorker):
    """A worker node that goes by the name it was started with."""

    @property
    def worker_name(self) -> str:
        return str(self.container.attrs["Config"]["Labels"]["igny8.node"])


def build_image() -> None:
    """Make the image; what was made before is used again."""
    command = ["docker", "build", "--quiet", "-f", str(ROOT / "deploy" / "Dockerfile"), "-t", IMAGE, str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)


def start_container(name: str, command: tuple[str, ...], *, environ: dict[str, str], folders: list[Path]) -> Any:
    """A container on the machine's own network, so that both sides know the broker by one address."""
    import docker

    mounts = {str(ROOT): {"bind": str(ROOT), "mode": "ro"}}
    mounts |= {str(folder): {"bind": str(folder), "mode": "rw"} for folder in folders}
    return docker.from_env().containers.create(
        IMAGE,
        list(command),
        entrypoint=["/opt/igny8/bin/python"],
        environment=environ,
        volumes=mounts,
        working_dir=str(ROOT),
        user="0:0",
        labels={"igny8.node": name},
        network_mode="host",
    )
