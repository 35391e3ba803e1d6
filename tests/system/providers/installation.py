"""Owns an installation whose models are the stand-ins', set up and run as a person would: by commands alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from tests.support.processes import environ_of_home

#: What is given to each provider, to be found in the requests.
KEY: Final = "sk-stand-in-4711"
#: Picodollars a token: what `--cost-input` and `--cost-output` say for a thousand.
INPUT_PICODOLLARS: Final = 250_000
OUTPUT_PICODOLLARS: Final = 2_000_000
#: Picodollars that an image costs where its provider does not say.
IMAGE_PICODOLLARS: Final = 4_000_000_000
SITE: Final = "Stand-in site"
_SAMPLE: Final = "home-office-keywords.csv"
_PATIENCE_SECONDS: Final = 540
_TEXT_PRICE: Final = ("--tokens-per-credit", "10000", "--cost-input", "0.00025", "--cost-output", "0.002")
_IMAGE_PRICE: Final = ("--credits-per-image", "1", "--cost-image", "0.004")
_ASKING: Final = (1, 2, 4, 5, 6)


@dataclass(frozen=True)
class Installation:
    """A home, and the variables that its commands are given."""

    home: Path
    variables: Mapping[str, str]

    def igny8(self, *arguments: str, stdin: str = "") -> Any:
        """What the command prints as JSON, whatever it ends with; AssertionError where it prints none."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments, "--json"],
            env={**environ_of_home(self.home), **self.variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        assert done.stdout, f"{arguments}: {done.stderr[-3000:]}"
        return json.loads(done.stdout)

    def use(self, provider: str, base_url: str, *, model: str, model_type: str) -> None:
        """Have texts or images made by that model at that address."""
        price = _TEXT_PRICE if model_type == "text" else _IMAGE_PRICE
        self.igny8("providers", "set", provider, "--api-key-stdin", "--base-url", base_url, stdin=KEY)
        self.igny8("models", "set", model, "--provider", provider, "--type", model_type, "--default", *price)

    def add_site(self, *, articles: int, lanes: int, in_article_images: int = 2) -> None:
        """Have the sample's site, with no pauses between its questions."""
        self.igny8("site", "add", "--name", SITE, "--timezone", "Europe/Berlin")
        with_keywords = str(files("pipeline.cli.samples") / _SAMPLE)
        self.igny8("keywords", "import", SITE, with_keywords)
        images = articles * (1 + in_article_images)
        limits = {1: 0, 2: 0, 3: 0, 4: articles, 5: articles, 6: images, 7: 0}
        changes = [f"stages.{number}.per_run_limit={limit}" for number, limit in limits.items()]
        changes += [f"stages.{number}.concurrency={lanes}" for number in _ASKING]
        changes += ["delays.within_stage=0", "delays.between_stage=0", f"content.in_article_images={in_article_images}"]
        self.igny8("settings", "set", SITE, *changes)

    def run(self) -> Mapping[str, Any]:
        """A run of the site, seen to its end."""
        report: Mapping[str, Any] = self.igny8("run", SITE, "--wait")
        return report
