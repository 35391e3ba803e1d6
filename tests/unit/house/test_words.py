"""What may not stand in any file: where it was built, whence packages came, whose software a site runs."""

from __future__ import annotations

import re

from tests.support.sources import tracked_texts

# Put together here, so that this file does not hold what it looks for.
_HOSTS = re.compile("|".join(("pypi" + r"\.org", "python" + "hosted", r"\bregistry" + r"\.", "artifact" + "ory")))
_INDEX_OPTIONS = re.compile(r"^\s*--(?:extra-)?index-" + r"url|--find-" + "links", re.MULTILINE)
_FOLDERS_OF_MACHINES = re.compile(r"(?<![\w.<~>/-])/(?:work|root|home|Users|mnt)" + r"/\w")
_SOFTWARE_OF_SITES = re.compile("word" + "press", re.IGNORECASE)
_READ_BY_PEOPLE = ("README.md", "docs/", "pipeline/cli/", "pipeline/sites/folder/templates/", "stages/prompts/")


def _found(pattern: re.Pattern[str], *, below: tuple[str, ...] = ("",)) -> list[str]:
    return [
        f"{name}: {found[0]}"
        for name, text in tracked_texts().items()
        if name.startswith(below)
        for found in pattern.finditer(text)
    ]


def test_no_file_names_a_package_index() -> None:
    assert _found(_HOSTS) == []


def test_the_lock_takes_packages_from_wherever_the_installer_is_told() -> None:
    assert _found(_INDEX_OPTIONS, below=("requirements.lock", "pyproject.toml")) == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    assert _found(_FOLDERS_OF_MACHINES) == []


def test_people_read_of_sites_whatever_software_they_run() -> None:
    assert _found(_SOFTWARE_OF_SITES, below=_READ_BY_PEOPLE) == []
