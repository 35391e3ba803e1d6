"""Owns `/writer/…`: a site's articles, what waits for somebody's yes, and one article as its readers will see it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from markupsafe import Markup

from pipeline.core.roles import Role, Scope
from pipeline.core.states import ContentStatus, ImagePromptStatus
from pipeline.models import Site
from pipeline.services import audit, calendar, content, content_restores, images, publications, versions
from pipeline.web.pages.parameters import After, Before, Chosen, ContentId
from pipeline.web.pages.views import Page, View, page

router = APIRouter()
_SHOWN: Final = 50
_IMAGES_SHOWN: Final = 24
_VERSIONS_SHOWN: Final = 10
_DELETED: Final = "deleted"
_DECISIONS_SHOWN: Final = 10
#: What people decide about an article, and how that is told.
_DECISIONS: Final = {
    "content.approved": "Approved",
    "content.rejected": "Rejected",
    "content.withdrawn": "Taken off the site",
    "content.undeleted": "Brought back",
}


@router.get("/writer/content", include_in_schema=False)
@page(Scope.CONTENT)
def show(view: View, status: Chosen = "", after: After = 0) -> Page:
    """List the chosen site's articles; `deleted`: those that can be restored."""
    if status == _DELETED:
        return _listed(view, None, after=after, is_review=False, deleted=True)
    wanted = ContentStatus(status) if status in list(ContentStatus) else None
    return _listed(view, wanted, after=after, is_review=False)


@router.get("/writer/review", include_in_schema=False)
@page(Scope.CONTENT)
def review(view: View, after: After = 0) -> Page:
    """List what waits for somebody's yes."""
    return _listed(view, ContentStatus.REVIEW, after=after, is_review=True)


@router.get("/writer/images", include_in_schema=False)
@page(Scope.CONTENT)
def show_images(view: View, status: Chosen = "", before: Before = None) -> Page:
    """Show the images of the chosen site's articles, those asked for last first."""
    site = view.chosen_site()
    wanted = ImagePromptStatus(status) if status in list(ImagePromptStatus) else None
    found = images.list_of_site(view.session, site, status=wanted, before_id=before, limit=_IMAGES_SHOWN + 1)
    values = {
        "site": site,
        "images": found[:_IMAGES_SHOWN],
        "more": found[_IMAGES_SHOWN - 1].prompt.id if len(found) > _IMAGES_SHOWN else None,
        "status": wanted.value if wanted else "",
        "statuses": list(ImagePromptStatus),
    }
    return Page("images.html", values, site=site)


@router.get("/writer/content/{content_id}", include_in_schema=False)
@page(Scope.CONTENT)
def article(view: View, content_id: ContentId) -> Page:
    """Show an article as it will be read, where it came from, and what may be done with it."""
    found = content.get_content(view.session, account_id=view.account_id, content_id=content_id)
    site = view.session.get_one(Site, found.site_id)
    placed = publications.of_content(view.session, found)
    decided = audit.about(
        view.session,
        account_id=view.account_id,
        kind="content",
        subject_id=found.id,
        actions=_DECISIONS,
        limit=_DECISIONS_SHOWN,
    )
    return Page(
        "article.html",
        {
            "site": site,
            "article": found,
            # Sanitised when it was kept, and again by every edit.
            "body": Markup(found.body_html),  # noqa: S704
            "images": images.list_images(view.session, found),
            "lineage": content.lineage(view.session, found.id, account_id=view.account_id),
            "next_slot": calendar.predicted_slot(view.session, site, now=view.now),
            "versions": versions.list_versions(view.session, found, limit=_VERSIONS_SHOWN),
            "decided": [(one, _DECISIONS[one.action]) for one in decided],
            "people": audit.names_of(view.session, decided),
            "address": None if placed is None else placed.remote_url,
        },
        site=site,
    )


@router.get("/writer/content/{content_id}/edit", include_in_schema=False)
@page(Scope.CONTENT, role=Role.EDITOR)
def edit(view: View, content_id: ContentId) -> Page:
    """Let somebody change what an article says."""
    found = content.get_content(view.session, account_id=view.account_id, content_id=content_id)
    values = {"article": found, "body": Markup(found.body_html)}  # noqa: S704 - sanitised, as above
    return Page("article_edit.html", values, site=view.session.get_one(Site, found.site_id))


def _listed(view: View, status: ContentStatus | None, *, after: int, is_review: bool, deleted: bool = False) -> Page:
    site = view.chosen_site()
    if deleted:
        found = content_restores.list_deleted(view.session, site=site, now=view.now, after_id=after, limit=_SHOWN)
    else:
        found = content.list_contents(view.session, site=site, status=status, after_id=after, limit=_SHOWN)
    values: dict[str, Any] = {
        "site": site,
        "articles": found.items,
        "next_id": found.next_id,
        "after": after,
        "status": status.value if status else (_DELETED if deleted else ""),
        "deleted": deleted,
        "statuses": list(ContentStatus),
        "counts": content.count_by_status(view.session, site=site),
        "is_review": is_review,
        "next_slot": calendar.predicted_slot(view.session, site, now=view.now) if is_review else None,
    }
    return Page("articles.html", values, site=site)
