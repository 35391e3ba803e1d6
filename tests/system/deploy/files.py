"""Owns how the tests read what stands in `deploy/`: the same processes, told to Compose, systemd and Kubernetes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.sources import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAM = "/opt/igny8/bin/igny8"


@dataclass(frozen=True)
class Process:
    """A process: what `igny8` is called with, and how long it is given to stop."""

    name: str
    arguments: tuple[str, ...]
    grace_seconds: int
    #: What asks how it is.
    probes: tuple[tuple[str, ...], ...] = ()


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    """A file of Compose."""
    return dict(yaml.safe_load((DEPLOY / name).read_text("utf-8")))


def resources() -> list[dict[str, Any]]:
    """Every resource of Kubernetes."""
    return [found for path in KUBERNETES for found in yaml.safe_load_all(path.read_text("utf-8"))]


def of_compose() -> dict[str, Process]:
    """The processes of the product."""
    services = compose()["services"]
    own = {name: service for name, service in services.items() if "build" in service}
    return {
        name: Process(
            name,
            tuple(service["command"]),
            int(str(service.get("stop_grace_period", "10s")).removesuffix("s")),
            tuple(tuple(service["healthcheck"]["test"][1:]) for _ in range("healthcheck" in service)),
        )
        for name, service in own.items()
    }


def of_kubernetes() -> dict[str, Process]:
    """The same."""
    return {process.name: process for process in _pods()}


def _pods() -> Iterator[Process]:
    for resource in resources():
        if resource["kind"] not in {"Deployment", "Job"}:
            continue
        pod = resource["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        probes = tuple(
            tuple(probe["exec"]["command"])
            for key, probe in container.items()
            if key.endswith("Probe") and "exec" in probe
        )
        name = resource["metadata"]["name"].removeprefix("igny8-")
        yield Process(name, tuple(container["args"]), pod.get("terminationGracePeriodSeconds", 30), probes)


def of_systemd() -> dict[str, Process]:
    """The same; the workers' unit once for each of its files of variables."""
    found = {}
    for path in UNITS:
        unit = settings_of(path)
        grace = int(unit.get("TimeoutStopSec", ["90"])[0])
        name = path.stem.removeprefix("igny8-")
        if not name.endswith("@"):
            found[name] = Process(name, _expanded(unit["ExecStart"][0], {}), grace)
            continue
        for variables in sorted((DEPLOY / "systemd").glob("worker-*.env")):
            given = variables_of(variables)
            found[variables.stem] = Process(variables.stem, _expanded(unit["ExecStart"][0], given), grace)
    return found


def settings_of(unit: Path) -> dict[str, list[str]]:
    """A unit's settings, each as often as it stands there."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith(("#", "[")):
            found.setdefault(name, []).append(value)
    return found


def variables_of(path: Path) -> dict[str, str]:
    """What a file of variables says."""
    lines = (line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _expanded(line: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """As systemd does it: a word `${NAME}` stays one word."""
    program, *words = shlex.split(line)
    assert program == PROGRAM
    return tuple(re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], word) for word in words)
