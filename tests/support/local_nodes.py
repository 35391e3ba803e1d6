"""Owns pytest-celery's nodes as processes of this machine: the same handles as its containers, and no Docker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_celery import CeleryTestContainer, CeleryTestWorker

from tests.support.processes import wait_until

_STOP_SECONDS = 10.0


class ProcessNode(CeleryTestContainer):
    """One process that looks like a container. Its log is cut at each start: an older line proves nothing."""

    def __init__(
        self, name: str, command: tuple[str, ...], *, environ: Mapping[str, str], log: Path, prompt: str, url: str
    ) -> None:
        """Start it. The parent's constructor wants a container, and is not called."""
        self._name = name
        self._command = command
        self._environ = dict(environ)
        self._log = log
        self._prompt = prompt
        self._url = url
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as output:
            return subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, env=self._environ, start_new_session=True
            )

    @property
    def id(self) -> str:
        return str(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def name(self) -> str:
        return self._name

    @property
    def attrs(self) -> dict[str, Any]:
        return {"Id": self.id, "Name": self._name}

    @property
    def status(self) -> str:
        return "running" if self._process.poll() is None else "exited"

    @property
    def ready_prompt(self) -> str:
        return self._prompt

    @property
    def celeryconfig(self) -> dict[str, str]:
        return {"url": self._url, "host_url": self._url}

    def logs(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def reload(self) -> None:
        """Nothing is cached."""

    def ready(self) -> bool:
        """Wait for the prompt in this run's log; a node that ended is not waited for."""
        wait_until(lambda: self._prompt in self.logs() or self.status == "exited", seconds=30)
        assert self.status == "running", self.logs()
        return True

    def kill(self, signal: str | int = "SIGKILL") -> None:
        self._process.send_signal(_number(signal))
        self._process.wait(_STOP_SECONDS)

    def restart(self, timeout: int = 0) -> None:  # noqa: ARG002  # pytest-celery gives it.
        self.remove()
        self._process = self._start()
        self.ready()

    def remove(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)

    def teardown(self) -> None:
        self.remove()


class ProcessWorker(CeleryTestWorker):
    """A worker node that asks the machine for its processes, not a container."""

    @property
    def worker_name(self) -> str:
        return str(self.container.name)

    def get_running_processes_info(
        self,
        columns: list[str] | None = None,  # noqa: ARG002  # pytest-celery's own signature.
        filters: dict[str, str] | None = None,  # noqa: ARG002  # the same.
    ) -> list[dict[str, Any]]:
        own = {"pid": self.container.pid, "name": self.container.name}
        return [own] if os.path.exists(f"/proc/{self.container.pid}") else []  # noqa: PTH110  # one look, no object.


def _number(name: str | int) -> int:
    return signal.Signals[name].value if isinstance(name, str) else name
