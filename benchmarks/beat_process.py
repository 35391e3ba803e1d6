"""Owns one process of beat: how long it takes to the end of its first tick, and the memory it needed by then.

`python -m benchmarks.beat_process URL`: one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time


def main(url: str) -> None:
    """Make beat and tick once; imports count."""
    began = time.monotonic()
    from benchmarks.beat import Clock, make_beat
    from pipeline.db.session import Database

    make_beat(Database(url), Clock()).tick()
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main(sys.argv[1])
