"""Owns a real site of the software that most sites run, on loopback: its packages, its database, its faults.

Debian's packages are installed where they are missing and may be; where they may not, it fails and says which.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_port

FILES: Final = Path(__file__).parents[1] / "system" / "site" / "files"
#: The last two stand for the web server that the first wants, and are never started.
_PACKAGES: Final = (
    *("wordpress", "wordpress-theme-twentytwentythree", "php-cli", "php-mysql", "php-gd", "php-xml", "php-mbstring"),
    *("php-curl", "mariadb-server-core", "mariadb-client-core", "nginx", "php-cgi"),
)
_SOURCE: Final = Path("/usr/share/wordpress")
_PATIENCE_SECONDS: Final = 60


class RealSite:
    """A site with users of four roles."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet."""
        self._folder = folder
        self._journal, self._faults = folder / "journal", folder / "faults.json"
        # A socket's path has little room.
        self._socket = Path(tempfile.gettempdir()) / f"igny8-site-{secrets.token_hex(4)}.sock"
        self._database: subprocess.Popen[bytes] | None = None
        self._web: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{free_port()}"
        #: Role -> application password; the user is called like the role.
        self.passwords: Mapping[str, str] = {}

    def start(self) -> None:
        """Make and start everything."""
        _require_packages()
        data = self._folder / "database"
        subprocess.run(
            [_tool("mariadb-install-db"), "--no-defaults", *_as_root(), f"--datadir={data}", "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.start_database()
        self._sql("CREATE DATABASE site CHARACTER SET utf8mb4")
        self._copy()
        self._faults.write_text("[]", "utf-8")
        self._journal.touch()
        made = subprocess.run(
            [_tool("php"), "-d", "display_errors=stderr", "-d", "sendmail_path=/bin/true", str(FILES / "install.php"),
             str(self._folder / "root"), self.url],
            check=True, capture_output=True, text=True, env=self._environ(),
        )  # fmt: skip
        self.passwords = json.loads(made.stdout.strip().splitlines()[-1])
        self._start_web()

    def stop(self) -> None:
        """End every process."""
        for process in (self._web, self._database):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(_PATIENCE_SECONDS)
        self._socket.unlink(missing_ok=True)

    def start_database(self) -> None:
        """Have the site's database there (again)."""
        self._database = subprocess.Popen(
            [_tool("mariadbd"), "--no-defaults", *_as_root(), f"--datadir={self._folder / 'database'}",
             "--skip-networking",
             f"--socket={self._socket}", "--skip-log-bin", "--innodb-buffer-pool-size=32M",
             "--innodb-flush-log-at-trx-commit=2"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _await(lambda: self._sql("SELECT 1"), "the site's database")

    def stop_database(self) -> None:
        """Have the site without its database."""
        assert self._database is not None
        self._database.terminate()
        self._database.wait(_PATIENCE_SECONDS)

    def fail(self, *faults: Mapping[str, Any]) -> None:
        """What befalls the next requests that fit; see `faults.php`."""
        self._faults.write_text(json.dumps(faults), "utf-8")

    def asked(self) -> list[str]:
        """Requests to its API since the last look, without what stands behind the question mark."""
        lines = self._journal.read_text("utf-8").splitlines()
        self._journal.write_text("", "utf-8")
        return [line.split("?")[0].replace("/wp-json/wp/v2", "") for line in lines if "/wp-json" in line]

    def ask(self, method: str, route: str, values: Mapping[str, Any] | None = None, *, role: str = "editor") -> Any:
        """What a person or a test wants of it."""
        token = base64.b64encode(f"{role}:{self.passwords[role]}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310  # its own address.
            f"{self.url}/wp-json{route}",
            method=method,
            data=None if values is None else json.dumps(values).encode(),
            headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310  # as above.
            return json.load(answer)

    def rows(self, query: str) -> list[list[str]]:
        """What its database says."""
        return [line.split("\t") for line in self._sql(query).splitlines()]

    def posts(self) -> list[tuple[int, str, str, str]]:
        """Every article of whatever status, that of the installation aside: number, status, slug, title."""
        found = self.rows(
            "SELECT ID, post_status, post_name, post_title FROM wp_posts WHERE post_type = 'post' AND ID > 3 "
            "AND post_status NOT IN ('auto-draft', 'inherit') ORDER BY ID"
        )
        return [(int(number), status, slug, title) for number, status, slug, title in found]

    def keep_search_texts(self, how: str) -> None:
        """Keep what search engines show: `open` to who may edit, `closed`: shown and never taken; see `faults.php`."""
        insert = "INSERT INTO wp_options (option_name, option_value) VALUES "
        self._sql(f"{insert}('tests_search_texts', '{how}')")

    def clear(self) -> None:
        """Nothing published, nothing uploaded, no fault."""
        self.fail()
        self._sql("DELETE FROM wp_options WHERE option_name = 'tests_search_texts'")
        self._sql("DELETE FROM wp_posts WHERE ID > 3; DELETE FROM wp_postmeta WHERE post_id > 3")
        self.asked()

    def _sql(self, query: str) -> str:
        done = subprocess.run(
            [_tool("mariadb"), "--no-defaults", "-uroot", f"--socket={self._socket}", "-N", "-B", "-e", query,
             *(["site"] if "wp_" in query else [])],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def _copy(self) -> None:
        root = self._folder / "root"
        shutil.copytree(_SOURCE, root, symlinks=False, ignore=shutil.ignore_patterns("wp-config.php", "languages"))
        for name in ("uploads", "mu-plugins", "languages"):
            (root / "wp-content" / name).mkdir(exist_ok=True, parents=True)
        shutil.copy(FILES / "faults.php", root / "wp-content" / "mu-plugins" / "faults.php")
        defined = {
            "DB_NAME": "site", "DB_USER": "root", "DB_PASSWORD": "", "DB_HOST": f"localhost:{self._socket}",
            "DB_CHARSET": "utf8mb4", "DB_COLLATE": "", "WP_HOME": self.url, "WP_SITEURL": self.url,
            "WP_ENVIRONMENT_TYPE": "local", "WP_HTTP_BLOCK_EXTERNAL": True, "AUTOMATIC_UPDATER_DISABLED": True,
            "DISABLE_WP_CRON": True, "AUTH_KEY": secrets.token_hex(), "SECURE_AUTH_KEY": secrets.token_hex(),
        }  # fmt: skip
        lines = [f"define({json.dumps(name)}, {json.dumps(value)});" for name, value in defined.items()]
        end = "$table_prefix = 'wp_';\ndefine('ABSPATH', __DIR__ . '/');\nrequire_once ABSPATH . 'wp-settings.php';\n"
        (root / "wp-config.php").write_text("<?php\n" + "\n".join(lines) + "\n" + end, "utf-8")

    def _start_web(self) -> None:
        host = self.url.removeprefix("http://")
        self._web = subprocess.Popen(
            [_tool("php"), "-d", "upload_max_filesize=2M", "-d", "post_max_size=3M", "-d", "display_errors=0",
             "-d", "sendmail_path=/bin/true", "-S", host, "-t", str(self._folder / "root"), str(FILES / "router.php")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self._environ() | {"PHP_CLI_SERVER_WORKERS": "3"},
        )  # fmt: skip
        _await(lambda: self.ask("GET", "/wp/v2/types"), "the site")

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "SITE_JOURNAL": str(self._journal), "SITE_FAULTS": str(self._faults)}


@contextmanager
def real_site(folder: Path) -> Iterator[RealSite]:
    """The site, for the length of the block."""
    site = RealSite(folder)
    try:
        site.start()
        yield site
    finally:
        site.stop()


def _require_packages() -> None:
    """Install what is missing, one worker at a time; RuntimeError where that may not be done."""
    lock = Path(tempfile.gettempdir()) / "igny8-packages.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if _are_there():
            return
        if os.geteuid() != 0:
            raise RuntimeError(
                f"These Debian packages are missing, and only root may install them: {' '.join(_PACKAGES)}"
            )
        _install()


def _are_there() -> bool:
    tools = all(shutil.which(name) for name in ("php", "mariadbd", "mariadb", "mariadb-install-db"))
    return tools and (_SOURCE / "wp-load.php").is_file()


def _install() -> None:
    policy = Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists()
    if is_ours:
        policy.write_text("#!/bin/sh\nexit 101\n", "utf-8")  # Nothing is started by being installed.
        policy.chmod(0o755)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = [_tool("apt-get"), "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
    try:
        for command in (["update"], ["install", "--no-install-recommends", *_PACKAGES]):
            done = subprocess.run([*apt, *command], env=environ, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"The packages of a real site could not be installed: {done.stderr[-2_000:]}")
    finally:
        if is_ours:
            policy.unlink()


def _tool(name: str) -> str:
    """Where a program is; RuntimeError where it is not."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"There is no program {name} on this machine.")
    return found


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _await(look: Any, what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            look()
        except (subprocess.CalledProcessError, OSError):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not start within {_PATIENCE_SECONDS} s.") from None
            time.sleep(0.1)
        else:
            return
