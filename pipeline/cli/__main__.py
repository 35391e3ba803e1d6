"""Owns `python -m pipeline.cli`, for places without the script."""

from __future__ import annotations

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
