"""Owns a group of commands that lists what there is when it is called alone."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_LIST = "list"
_HELP = {"-h", "--help"}


class ListsByDefault(TyperGroup):
    """Without a word for what to do, `list` is meant: `igny8 notifications --all`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` in front where no command stands there."""
        if not args or (args[0] not in self.commands and args[0] not in _HELP):
            args = [_LIST, *args]
        return super().parse_args(ctx, args)
