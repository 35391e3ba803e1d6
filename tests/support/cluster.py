"""Owns the cluster that smoke tests drive with pytest-celery: one broker, workers that join and leave, a beat.

Nodes are processes of this machine, or containers where that is asked for (`--nodes containers`); tests see them alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_celery import CeleryTestNode, CeleryTestWorker

from pipeline.local.workers import QUEUES
from tests.support.container_nodes import ContainerWorker, WorkerContainer, build_image, start_container
from tests.support.local_nodes import ProcessNode, ProcessWorker
from tests.support.processes import environ_of_home

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
_CELERY = ("-m", "celery")
_WORKER = ("-P", "threads", "-c", "4", "--without-mingle", "--without-gossip", "-l", "INFO")


@dataclass(frozen=True)
class Nodes:
    """How nodes are made: of a kind, in a folder, for a broker."""

    kind: str
    folder: Path
    url: str
    environ: dict[str, str] = field(default_factory=dict)

    def worker(self, name: str, app: str, *options: str) -> CeleryTestWorker:
        """A worker that was started just now; `ready()` waits for it."""
        command = (*_CELERY, "-A", app, "worker", *_WORKER, "-n", f"{name}@localhost", *options)
        if self.kind == "containers":
            return ContainerWorker(self._container(name, command), None)
        return ProcessWorker(self._process(name, command, prompt="ready."), None)

    def beat(self, app: str) -> CeleryTestNode:
        """A beat that was started just now."""
        command = (*_CELERY, "-A", app, "beat", "-l", "INFO")
        if self.kind == "containers":
            return CeleryTestNode(self._container("beat", command))
        return CeleryTestNode(self._process("beat", command, prompt="beat: Starting..."))

    def _process(self, name: str, command: tuple[str, ...], *, prompt: str) -> ProcessNode:
        environ = {**os.environ, **self._own_environ}
        log = self.folder / f"{name}.log"
        return ProcessNode(name, (PYTHON, *command), environ=environ, log=log, prompt=prompt, url=self.url)

    def _container(self, name: str, command: tuple[str, ...]) -> Any:
        build_image()
        made = start_container(name, command, environ=self._own_environ, folders=[self.folder])
        made.start()
        return WorkerContainer(made)

    @property
    def _own_environ(self) -> dict[str, str]:
        return {"IGNY8_BROKER_URL": self.url, "PYTHONPATH": str(ROOT), **self.environ}


@dataclass
class Installation:
    """A home whose commands speak to the cluster's broker."""

    nodes: Nodes
    home: Path

    def igny8(self, *arguments: str) -> str:
        """A command that did what it should; what it printed."""
        environ = environ_of_home(self.home) | {"IGNY8_BROKER_URL": self.nodes.url} | self.nodes.environ
        command = [PYTHON, "-m", "pipeline.cli", *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def worker(self, name: str) -> Iterator[CeleryTestWorker]:
        """One more worker, for as long as the block lasts."""
        node = self.nodes.worker(name, "pipeline.worker", "-Q", ",".join(QUEUES))
        try:
            node.ready()
            yield node
        finally:
            node.teardown()

    @contextmanager
    def beat(self) -> Iterator[CeleryTestNode]:
        """A beat, for as long as the block lasts."""
        node = self.nodes.beat("pipeline.worker")
        try:
            node.ready()
            yield node
        finally:
            node.teardown()
