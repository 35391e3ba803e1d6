"""What stands in `deploy/` is what Compose, systemd, Kubernetes and a linter take, and says three times the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipeline.cli.app import app as command_line
from pipeline.config import Config, unknown_names
from pipeline.local.workers import QUEUES
from tests.support.documents import named_rows, sections, unticked
from tests.support.sources import ROOT
from tests.system.deploy import files
from tests.system.deploy.install import install

#: Points of exposure that systemd counts of 10: what it calls OK ends at 2.
_MOST_EXPOSED = 20
_IMAGE = "igny8-pipeline:latest"


@pytest.fixture(scope="module")
def tools() -> Path:
    return install()


def _call(*command: str | Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, env={**os.environ, **(environ or {})}
    )


def _judged(tools: Path, code: str, text: str) -> subprocess.CompletedProcess[str]:
    return _call(sys.executable, "-c", code, text, environ={"PYTHONPATH": str(tools)})


_BY_COMPOSE = "import sys; from compose_spec import PyCompose; PyCompose.from_json(sys.argv[1]).validate()"


def test_compose_takes_its_files(tools: Path) -> None:
    for name in ("compose.yaml", "compose.rabbitmq.yaml"):
        judged = _judged(tools, _BY_COMPOSE, json.dumps(files.compose(name)))
        assert (judged.returncode, judged.stderr) == (0, "")

    broken = files.compose() | {"services": {"web": {"image": "x", "stop_grace_period": "soon"}}}
    assert "soon" in _judged(tools, _BY_COMPOSE, json.dumps(broken)).stderr


def test_what_compose_names_is_there() -> None:
    whole = files.compose()
    services: dict[str, Any] = whole["services"]

    for service in (*services.values(), *files.compose("compose.rabbitmq.yaml")["services"].values()):
        assert set(service.get("depends_on", ())) <= set(services)
    for service in services.values():
        assert {mount.partition(":")[0] for mount in service["volumes"]} <= set(whole["volumes"])
    asked = set(re.findall(r"\$\{(\w+)", "".join(path.read_text() for path in files.DEPLOY.glob("compose*.yaml"))))
    told = set(re.findall(r"^#?(\w+)=", (files.DEPLOY / "compose.env.example").read_text(), re.MULTILINE))
    assert asked == told


# No schema of KEDA's is to be had from a registry: what is said to it is compared with the others below.
_OF_ITSELF = [path for path in files.KUBERNETES if path.name != "keda.yaml"]


@pytest.mark.parametrize("path", _OF_ITSELF, ids=lambda path: path.name)
def test_kubernetes_takes_its_files(tools: Path, path: Path) -> None:
    judged = _call(sys.executable, "-m", "kubernetes_validate", "--strict", path, environ={"PYTHONPATH": str(tools)})

    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_validator_of_kubernetes_sees_what_is_wrong(tools: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((files.DEPLOY / "kubernetes" / "beat.yaml").read_text().replace("  replicas: 1", "  replica: 1"))

    assert (
        _call(
            sys.executable, "-m", "kubernetes_validate", "--strict", wrong, environ={"PYTHONPATH": str(tools)}
        ).returncode
        != 0
    )


def test_what_the_resources_name_is_there() -> None:
    found = files.resources()
    by_kind: dict[str, dict[str, Any]] = {}
    for resource in found:
        by_kind.setdefault(resource["kind"], {})[resource["metadata"]["name"]] = resource
    deployments = by_kind["Deployment"]
    labels = {name: each["spec"]["template"]["metadata"]["labels"] for name, each in deployments.items()}

    for name, each in deployments.items():
        assert each["spec"]["selector"]["matchLabels"] == labels[name]
    for name, each in by_kind["PodDisruptionBudget"].items():
        assert each["spec"]["selector"]["matchLabels"] == labels[name]
    assert by_kind["Service"]["igny8-web"]["spec"]["selector"] == labels["igny8-web"]
    scalers = (by_kind["HorizontalPodAutoscaler"], by_kind["ScaledObject"])
    assert [sorted(kind) for kind in scalers] == [["igny8-worker-image", "igny8-worker-text"]] * 2
    for kind in scalers:
        assert {each["spec"]["scaleTargetRef"]["name"] for each in kind.values()} == set(kind)
    for each in by_kind["ScaledObject"].values():
        (trigger,) = each["spec"]["triggers"]
        assert set(trigger) == {"type", "metricType", "metadata"}
        assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold"}
    claimed = {
        volume["persistentVolumeClaim"]["claimName"]
        for each in (*deployments.values(), *by_kind["Job"].values())
        for volume in each["spec"]["template"]["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claimed == set(by_kind["PersistentVolumeClaim"])
    assert {each["metadata"].get("namespace", "igny8") for each in found} == set(by_kind["Namespace"])


def test_workers_are_scaled_by_a_figure_that_is_told() -> None:
    text = "".join(path.read_text("utf-8") for path in (files.DEPLOY / "kubernetes" / "scaling").glob("*.yaml"))
    told = named_rows(sections("operations.md")["Metrics"])

    names = set(re.findall(r"igny8_\w+", text))
    assert names == {"igny8_queue_oldest_seconds"}
    assert {unticked(told[name][0]) for name in names} == {"queue"}
    queues = set(re.findall(r'queue(?:="|: )(\w+)', text))
    assert queues == {"text", "image"}
    assert queues <= set(QUEUES)


def test_systemd_takes_its_units(tmp_path: Path) -> None:
    install()
    instances = _as_installed(tmp_path)

    judged = _call("systemd-analyze", "verify", *instances)

    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_the_verifier_of_systemd_sees_what_is_wrong(tmp_path: Path) -> None:
    install()
    _as_installed(tmp_path)
    unit = tmp_path / "igny8-web.service"
    unit.write_text(unit.read_text().replace("TimeoutStopSec", "TimeoutStop"))

    assert "TimeoutStop" in _call("systemd-analyze", "verify", unit).stderr


@pytest.mark.parametrize("unit", files.UNITS, ids=lambda path: path.name)
def test_a_unit_may_do_little(unit: Path) -> None:
    install()

    judged = _call("systemd-analyze", "security", "--offline=true", f"--threshold={_MOST_EXPOSED}", unit)

    assert judged.returncode == 0, judged.stdout


def _as_installed(folder: Path) -> list[Path]:
    """Units as on a machine where the program is; its place here is another."""
    program = Path(sys.executable).with_name("igny8")
    for unit in (*files.UNITS, files.DEPLOY / "systemd" / "igny8.target"):
        (folder / unit.name).write_text(unit.read_text("utf-8").replace(files.PROGRAM, str(program)))
    workers = [folder / f"igny8-worker@{path.stem.removeprefix('worker-')}.service" for path in _variables()]
    return [*workers, *(folder / unit.name for unit in files.UNITS if "@" not in unit.name), folder / "igny8.target"]


def _variables() -> list[Path]:
    return sorted((files.DEPLOY / "systemd").glob("worker-*.env"))


def test_the_linter_finds_nothing_in_the_image(tools: Path) -> None:
    judged = _call(tools / "bin" / "hadolint", files.DEPLOY / "Dockerfile")

    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_the_image_is_built_of_what_is_there_and_nothing_else() -> None:
    text = (files.DEPLOY / "Dockerfile").read_text("utf-8")
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()}
    let_in = (files.DEPLOY / "Dockerfile.dockerignore").read_text("utf-8")

    assert {line.removeprefix("!") for line in let_in.splitlines() if line.startswith("!")} == copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]


def test_the_image_has_the_programs_of_the_databases_version() -> None:
    (major,) = re.findall(r"^ARG POSTGRESQL_MAJOR=(\d+)$", (files.DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    assert files.compose()["services"]["postgres"]["image"].startswith(f"postgres:{major}-")


def test_what_the_image_is_made_of_is_a_part_of_what_is_tested() -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", path.read_text("utf-8"), re.MULTILINE))

    image, tested = pins(files.DEPLOY / "requirements.lock"), pins(ROOT / "requirements.lock")
    assert image < tested
    assert not {pin for pin in image if pin.startswith(("pytest", "mypy", "playwright"))}


def test_three_ways_to_deploy_start_the_same_processes() -> None:
    ways = (files.of_compose(), files.of_systemd(), files.of_kubernetes())
    workers = [
        {name.removeprefix("worker-"): process.arguments for name, process in way.items() if name.startswith("worker-")}
        for way in ways
    ]

    assert workers[0] == workers[1] == workers[2]
    assert [set(way) >= {"beat", "web", "migrate"} for way in ways] == [True] * 3
    assert {way["migrate"].arguments for way in ways} == {("init",)}
    read = [queue for arguments in workers[0].values() for queue in arguments[2].split(",")]
    assert sorted(read) == sorted(QUEUES)


def test_the_page_tells_of_the_same_workers() -> None:
    told = named_rows(sections("many_machines.md")["Queues and pools"])
    workers = {name: each.arguments for name, each in files.of_systemd().items() if name.startswith("worker-")}

    assert {
        f"worker-{name}": ("worker", "--queues", unticked(queues), "--pool", unticked(pool), "--concurrency", at_once)
        for name, (queues, pool, at_once, _) in told.items()
    } == {name: tuple(arguments) for name, arguments in workers.items()}


def test_a_worker_is_given_the_time_that_a_call_may_take() -> None:
    longest = Config().call_hard_limit_seconds

    for way in (files.of_compose(), files.of_systemd(), files.of_kubernetes()):
        assert {name for name, each in way.items() if "worker" in name and each.grace_seconds < longest + 15} == set()


def test_every_command_that_stands_there_is_one() -> None:
    ways = (files.of_compose(), files.of_systemd(), files.of_kubernetes())
    for process in (process for way in ways for process in way.values()):
        _parse(process.arguments)
        for probe in process.probes:
            if probe[0] == "igny8":
                _parse(probe[1:])


def _parse(arguments: tuple[str, ...]) -> None:
    """Raises where the command line would."""
    command: Any = get_command(command_line)
    context = command.make_context("igny8", ["--version"], resilient_parsing=True)
    rest = list(arguments)
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
    command.make_context(name, rest)


def test_every_variable_that_stands_there_means_something() -> None:
    texts = [path.read_text("utf-8") for path in files.DEPLOY.rglob("*") if path.is_file()]
    names = {name for text in texts for name in re.findall(r"IGNY8_[A-Z_]+", text)}

    assert unknown_names(dict.fromkeys(names, "x")) == {}
    assert "IGNY8_DATABASE_URL" in names


def test_every_image_of_ours_is_the_same() -> None:
    images = {service["image"] for service in files.compose()["services"].values() if "build" in service}
    pods = [each["spec"]["template"]["spec"] for each in files.resources() if each["kind"] in {"Deployment", "Job"}]

    assert images | {container["image"] for pod in pods for container in pod["containers"]} == {_IMAGE}
    assert shutil.which("igny8", path=str(Path(sys.executable).parent))
