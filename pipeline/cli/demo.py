"""Owns `demo`: the whole story in one command, from a keyword file to a published page, with nothing set up before."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.cli.calendar import View, calendar_json, tell_calendar
from pipeline.cli.edge import ACTOR, load_stages, prepared_database
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, note, say
from pipeline.cli.publishing import publication_json, publish_at_once
from pipeline.cli.run import GOOD, follow, require_broker
from pipeline.cli.sites import site_json
from pipeline.cli.stacks import Workforce
from pipeline.config import config
from pipeline.core.errors import LiveRunError, NotFoundError
from pipeline.core.states import ContentStatus, PublicationStatus, RunStatus
from pipeline.core.words import counted
from pipeline.db.session import Database
from pipeline.models import Content, Publication, Site
from pipeline.services import calendar, content, keywords, run_control, runs, settings, sites
from pipeline.services.accounts import find_account
from pipeline.services.keyword_files import KeywordFile, open_keyword_file
from pipeline.services.keywords import ImportReport
from pipeline.services.runs import Started

SITE_NAME: Final = "Demo site"
TIMEZONE: Final = "Europe/Berlin"
SAMPLE: Final = "home-office-keywords.csv"
#: Articles that make a demo; once they are there, another call adds a few only.
_ENOUGH: Final = 20
_CALENDAR_DAYS: Final = 7
_FILL: Final = 1_000
_LABEL_WIDTH: Final = 34
_SETTINGS: Final = {
    "delays.within_stage": "0",
    "delays.between_stage": "0",
    "content.ideas_per_cluster": "3",
    "content.in_article_images": "1",
    "stages.1.per_run_limit": "0",
    "stages.3.per_run_limit": "0",
    "stages.7.per_run_limit": "0",
    **{f"stages.{number}.concurrency": "4" for number in (2, 4, 5, 6)},
}
#: Clusters, articles, articles, images that a run takes on at most.
_FIRST_LIMITS: Final = {2: 10, 4: 24, 5: 24, 6: 48}
_FURTHER_LIMITS: Final = {2: 2, 4: 4, 5: 4, 6: 8}

KeywordsOption = Annotated[
    str | None,
    typer.Option("--keywords", metavar="FILE", help="Your own keyword file instead of the sample.", show_default=False),
]


@dataclass
class Story:
    """What the demo did, chapter by chapter."""

    site: Site
    imported: ImportReport
    run: dict[str, Any] | None = None
    reason: str | None = None
    published: Publication | None = None


def demo(*, keywords_file: KeywordsOption = None, as_json: JsonOption = False) -> None:
    """Show it all: import 200 keywords, run the seven stages, fill the calendar, publish one article.

    Needs nothing but this program; may be run again.
    """
    opened = open_keyword_file(Path(keywords_file)) if keywords_file else _sample()
    load_stages()
    require_broker()
    database = prepared_database()
    story = _prepare(database, opened)
    tell = note if as_json else say
    tell(f"{story.imported.imported:,} of {counted(story.imported.read, 'keyword')} imported into {story.site.name}.")
    _run(database, story, as_json=as_json)
    if story.run is not None and story.run["status"] not in GOOD:
        note(f"The run ended as {story.run['status']}: {story.run['reason']}")
        raise typer.Exit(1)
    _publish_one(database, story)
    _tell(database, story, as_json=as_json)
    if story.published is not None and story.published.status is not PublicationStatus.PUBLISHED:
        note(f"Not published yet: {story.published.error or 'nobody took it; igny8 up does'}")
        raise typer.Exit(1)


def _sample() -> KeywordFile:
    return open_keyword_file((files("pipeline.cli.samples") / SAMPLE).read_bytes(), name=SAMPLE)


def _prepare(database: Database, opened: KeywordFile) -> Story:
    """The demo's site with its keywords, its settings made for a quick run."""
    now = database.now()
    with database.transaction() as session:
        account_id = find_account(session).id
        try:
            site = sites.find_site(session, account_id, SITE_NAME)
        except NotFoundError:
            site = sites.add_site(session, account_id=account_id, name=SITE_NAME, timezone=TIMEZONE, now=now)
        imported = keywords.import_keywords(session, site, opened, now=now)
        limits = _FURTHER_LIMITS if _articles(session, site) >= _ENOUGH else _FIRST_LIMITS
        changes = {f"stages.{number}.per_run_limit": str(limit) for number, limit in limits.items()}
        settings.apply(session, site, {**_SETTINGS, **changes}, now=now)
    return Story(site, imported)


def _run(database: Database, story: Story, *, as_json: bool) -> None:
    """Run the site and see it through; a run that was left behind is gone on with."""
    try:
        with database.transaction() as session:
            started = runs.start(session, site=story.site, now=database.now())
    except LiveRunError as error:
        started = Started(error.run_id, None, None)
        note(f"Going on with run {error.run_id}, which was left behind.")
        _wake(database, story.site, error.run_id)
    story.reason = started.reason
    if started.run_id is not None:
        with Workforce(database) as workforce:
            story.run = follow(database, started, workforce, as_json=as_json)


def _wake(database: Database, site: Site, run_id: int) -> None:
    """Resume the run where it is paused: nobody else would, and the demo ends by itself."""
    with database.transaction() as session:
        run = runs.get_run(session, account_id=site.account_id, run_id=run_id)
        if run.status is RunStatus.PAUSED:
            run_control.resume(session, run, actor=ACTOR, now=database.now())


def _publish_one(database: Database, story: Story) -> None:
    """Give every approved article its slot, then have the first one published at once."""
    now = database.now()
    with database.transaction() as session:
        calendar.fill(session, story.site.id, now=now, limit=_FILL)
        ready = (ContentStatus.APPROVED, ContentStatus.SCHEDULED, ContentStatus.READY)
        query = select(Content.id).where(Content.site_id == story.site.id, Content.status.in_(ready))
        first = session.scalar(query.order_by(Content.images_missing, Content.approved_at, Content.id).limit(1))
    if first is not None:
        story.published = publish_at_once(database, account_id=story.site.account_id, content_id=first)


def _tell(database: Database, story: Story, *, as_json: bool) -> None:
    with database.reading() as session:
        view = View.of(session, story.site, now=database.now(), days=_CALENDAR_DAYS)
        counts = {
            str(name): count for name, count in content.count_by_status(session, site=story.site).items() if count
        }
    pages = _pages(story.site)
    if as_json:
        document(
            {
                "site": site_json(story.site),
                "import": story.imported.as_json(),
                "run": story.run,
                "reason": story.reason,
                "contents": counts,
                "published": publication_json(story.published) if story.published else None,
                "calendar": calendar_json(view),
                "pages": pages,
            }
        )
        return
    if story.reason:
        say(f"Nothing to do: {story.reason}.")
    tell_calendar(view)
    say()
    for label, value in _summary(story, counts, pages):
        say(f"{label:<{_LABEL_WIDTH}}{value}")


def _summary(story: Story, counts: dict[str, int], pages: Path) -> list[tuple[str, str]]:
    name = story.site.name
    return [
        ("articles", ", ".join(f"{count} {status}" for status, count in counts.items())),
        ("published just now", (story.published.remote_url or "not yet") if story.published else "nothing new"),
        ("open in a browser", str(pages)),
        ("its calendar", f'igny8 calendar "{name}"'),
        ("its articles", f'igny8 content list "{name}"'),
        ("publish the rest at their slots", "igny8 up"),
    ]


def _articles(session: Session, site: Site) -> int:
    return sum(content.count_by_status(session, site=site).values())


def _pages(site: Site) -> Path:
    from pipeline.engine.articles import site_folder

    return site_folder(config().home, site_id=site.id, name=site.name) / "index.html"
