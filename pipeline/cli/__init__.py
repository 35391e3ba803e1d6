"""Owns the command line: `igny8`. Commands open transactions, speak to people, and decide exit codes.

Never: rules of the product; those are the services'. A command's modules are imported when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 failure, 2 usage, 130 interrupted."""
    import io
    import sys

    given = sys.argv[1:] if arguments is None else arguments
    try:
        from pipeline.cli import probe

        if probe.is_probe(given):
            return probe.main(given)
        from typer.main import get_command

        from pipeline.cli.app import app
    except KeyboardInterrupt:
        return 130  # Ctrl-C before anything was begun: no traceback either.

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # An arrow on an old terminal is no reason to fail.
    return int(get_command(app).main(args=arguments, prog_name="igny8", standalone_mode=False) or 0)
