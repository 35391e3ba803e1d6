"""Owns the ways between a run in the console and its tasks in Flower: addresses of Flower, links on a page of a task.

Flower knows of runs what the words say that it shows for a task's arguments (`run 12, stage 4 …`). Never: the console's
own address in a page: it may listen elsewhere tomorrow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import flower
from flower.views import BaseHandler
from tornado.template import Loader, Template
from tornado.web import HTTPError, url

from pipeline.config import config

_PAGE: Final = "task.html"
#: Where a task's page of Flower shows its arguments; what stands behind them there.
_ARGUMENTS: Final = '<dd><pre class="detail-code"><code>{{ task.args }}</code></pre></dd>'
_LINKS: Final = """
      </div>
      {% set words = task.args or "" %}
      {% set run = words[4:].partition(",")[0] if words.startswith("run ") else "" %}
      {% if run.isdigit() %}
      <div class="detail-row task-data-row">
        <dt>Run</dt>
        <dd><a href="/runs/{{ run }}/console">Run {{ run }} in the console</a>,
        <a href="/runs/{{ run }}/tasks">all its tasks</a></dd>
      {% end %}
"""


class _Loader(Loader):
    """Flower's own pages, and the links on one of them."""

    def _create_template(self, name: str) -> Template:
        if name != _PAGE:
            return super()._create_template(name)
        text = Path(self.root, name).read_text(encoding="utf-8")
        return Template(text.replace(_ARGUMENTS, _ARGUMENTS + _LINKS), name=name, loader=self)


class RunTasks(BaseHandler):  # type: ignore[misc]  # Flower ships no types.
    """`/runs/12/tasks`: Flower's list of tasks, searched for a run."""

    def get(self, run_id: str) -> None:
        """Lead there. The comma ends the number; the list takes a search only as a part of a name."""
        search = quote(f'stages. args:"run {run_id},"')
        self.redirect(f"/tasks?name={search}")


class RunConsole(BaseHandler):  # type: ignore[misc]  # the same.
    """`/runs/12/console`: the run in the console."""

    def get(self, run_id: str) -> None:
        """Lead there."""
        address = config().console_address
        if address is None:
            raise HTTPError(404, "Nobody knows where the console is: set IGNY8_CONSOLE_URL.")
        self.redirect(f"{address}/automation/runs/{run_id}")


def loader() -> Loader:
    """What makes Flower's pages."""
    return _Loader(str(Path(flower.__file__).parent / "templates"))


def handlers() -> list[Any]:
    """The addresses, to be added to Flower's."""
    return [url(r"/runs/([0-9]{1,19})/tasks", RunTasks), url(r"/runs/([0-9]{1,19})/console", RunConsole)]
