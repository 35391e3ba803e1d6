"""The real RabbitMQ of the tests' own: Debian's packages unpacked beside the tests, never installed.

It listens on loopback alone, on free ports, with a name, a cookie and data of its own in a throw-away folder.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kombu import Connection
from kombu.exceptions import KombuError

from pipeline.local.child import Child, ChildSpec
from tests.support.debian import unpacked
from tests.support.ports import free_port

_PACKAGES: Final = (
    "rabbitmq-server",
    *(f"erlang-{part}" for part in ("base", "asn1", "crypto", "eldap", "ftp", "inets", "mnesia", "os-mon")),
    *(f"erlang-{part}" for part in ("parsetools", "public-key", "runtime-tools", "snmp", "ssl", "syntax-tools")),
    *(f"erlang-{part}" for part in ("tftp", "tools", "xmerl")),
)
_START_SECONDS: Final = 60.0
_ERL: Final = """#!/bin/sh
export ROOTDIR={root} BINDIR={programs} EMU=beam PROGNAME=erl
{programs}/epmd -daemon
exec {programs}/erlexec "$@"
"""


class RabbitServer:
    """How one server is started: its command and environment. It has no process."""

    def __init__(self, folder: Path) -> None:
        """Choose its ports; its data is kept in `folder`."""
        self._folder = folder
        self._root = unpacked(*_PACKAGES) / "usr" / "lib"
        self.port = free_port()
        self._distribution_port, self._names_port = free_port(), free_port()
        #: Its address: the user is the one that loopback may use.
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def command(self) -> tuple[str, ...]:
        """The server's own script, which becomes the server."""
        return (str(next(self._root.glob("rabbitmq/lib/*/sbin/rabbitmq-server"))),)

    @property
    def environment(self) -> dict[str, str]:
        """Everything of its own: name, ports, folders, cookie. Its daemon that maps names to ports is its keeper's."""
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plugins").write_text("[].", encoding="ascii")
        (folder / "rabbitmq.conf").write_text(
            "log.console = true\nlog.console.level = warning\nlog.file = false\ndisk_free_limit.absolute = 50MB\n",
            encoding="ascii",
        )
        self._write_erl()
        return {
            "PATH": f"{folder}:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": f"igny8{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-noinput -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
            ),
            # The script becomes the server: what is killed is the server itself.
            "RABBITMQ_ALLOW_INPUT": "1",
        }

    def _write_erl(self) -> None:
        """Debian's own starts what lies in /usr."""
        root = self._root / "erlang"
        script = self._folder / "erl"
        script.write_text(_ERL.format(root=root, programs=next(root.glob("erts-*")) / "bin"), encoding="utf-8")
        script.chmod(0o700)

    def answers(self) -> bool:
        """Whether it takes messages now."""
        with Connection(self.url, connect_timeout=2) as connection:
            try:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
            except (KombuError, OSError, *connection.connection_errors):
                return False
        return True


@contextlib.contextmanager
def rabbit_server() -> Iterator[str]:
    """The address of a running server, for the length of the block. Fails where none can be had."""
    with tempfile.TemporaryDirectory(prefix="igny8-rabbit-", ignore_cleanup_errors=True) as name:
        server = RabbitServer(Path(name) / "broker")
        spec = ChildSpec(
            name="rabbitmq",
            command=server.command,
            environ=server.environment,
            ready=server.answers,
            ready_seconds=_START_SECONDS,
        )
        child = Child(spec, logs=Path(name))
        try:
            child.wait_ready()
            yield server.url
        finally:
            child.kill()
