"""Owns `/author-profiles` and `/sites/{site_id}/author-profile`: whom sites may write as, and whom one does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.roles import Scope
from pipeline.models import AuthorProfile, Site
from pipeline.services import author_profiles, site_authors, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import LARGEST_ID, AuthorProfileId, SiteId, Text
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.SETTINGS.value])
_TEXT: Final = "Mara Lindqvist has restored desks for twenty years. Dry humour, short sentences, no superlatives."
_PROFILE: Final[dict[str, Any]] = {
    "id": 2,
    "name": "Mara Lindqvist",
    "text": _TEXT,
    "created_at": "2026-06-03T10:30:00Z",
    "updated_at": "2026-06-03T10:30:00Z",
    "deleted_at": None,
    "sites": [{"id": 1, "name": "Oak & Desk"}],
}
_CHOSEN: Final[dict[str, Any]] = {"site_id": 1, "author_profile_id": 2, "name": "Mara Lindqvist", "text": _TEXT}
_NAME: Final = Field(description="1 to 100 characters, of no other profile of the account.")
_WORDS: Final = Field(description="Voice, experience, point of view: 1 to 2,000 characters.")


class AuthorsSite(BaseModel):
    """A site that writes as the profile."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class AuthorProfileEntry(BaseModel):
    """Somebody an account's sites may write as."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROFILE]})

    id: int
    name: str
    text: str
    created_at: datetime
    updated_at: datetime
    #: For 30 days it can be restored; None: it is there.
    deleted_at: datetime | None
    #: Those that write as it. Of a profile that was just deleted: those that did, and keep its words as their own.
    sites: list[AuthorsSite]


class AuthorProfiles(BaseModel):
    """Every profile of the account, the oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_PROFILE]}]})

    items: list[AuthorProfileEntry]


class NewAuthorProfile(BaseModel):
    """A profile to add."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Mara Lindqvist", "text": _TEXT}]}
    )

    name: Annotated[Text, _NAME]
    text: Annotated[Text, _WORDS]


class AuthorProfileChanges(BaseModel):
    """What a profile is to say; what is left out or `null` stays as it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": _TEXT}]})

    name: Annotated[Text | None, _NAME] = None
    text: Annotated[Text | None, _WORDS] = None


class ChosenAuthor(BaseModel):
    """Which profile a site is to write as; `null`: none, its words stay as its own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"author_profile_id": 2}]})

    author_profile_id: Annotated[int | None, Field(ge=1, le=LARGEST_ID)]


class SiteAuthor(BaseModel):
    """Whom a site writes as."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHOSEN]})

    site_id: int
    #: None: its words, if it has any, are its own: `content.author_profile` of its settings.
    author_profile_id: int | None
    name: str | None
    text: str | None


Deleted = Annotated[bool, Query(description="Those that were deleted and can be restored, instead.")]


@router.get(
    "/author-profiles",
    operation_id="list_author_profiles",
    response_model=AuthorProfiles,
    responses=problems(401, 403, 422),
)
@reads(Scope.SETTINGS)
def list_all(unit: Unit, *, deleted: Deleted = False) -> dict[str, Any]:
    """List who the account's sites may write as, and which do."""
    listed = author_profiles.list_deleted if deleted else author_profiles.list_profiles
    rows = listed(unit.session, account_id=unit.account_id)
    used = author_profiles.sites_of(unit.session, [row.id for row in rows])
    return {"items": [_shown(row, used[row.id]) for row in rows]}


@router.post(
    "/author-profiles",
    operation_id="add_author_profile",
    status_code=201,
    response_model=AuthorProfileEntry,
    responses=problems(401, 403, 409, 413, 422),
)
@writes(Scope.SETTINGS, whole_account=True)
def add(unit: Unit, new: NewAuthorProfile) -> AuthorProfileEntry:
    """Add somebody to write as."""
    row = author_profiles.add(
        unit.session,
        account_id=unit.account_id,
        name=new.name,
        text=new.text,
        actor=unit.caller.actor,
        now=unit.now,
    )
    return _shown(row, ())


@router.get(
    "/author-profiles/{author_profile_id}",
    operation_id="get_author_profile",
    response_model=AuthorProfileEntry,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.SETTINGS)
def show(unit: Unit, author_profile_id: AuthorProfileId) -> AuthorProfileEntry:
    """Show a profile, and the sites that write as it."""
    return _with_sites(unit, _profile(unit, author_profile_id))


@router.patch(
    "/author-profiles/{author_profile_id}",
    operation_id="edit_author_profile",
    response_model=AuthorProfileEntry,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.SETTINGS, whole_account=True)
def edit(unit: Unit, author_profile_id: AuthorProfileId, sent: AuthorProfileChanges) -> AuthorProfileEntry:
    """Edit a profile; the settings of its sites say the new words at once, live runs keep theirs."""
    row = _profile(unit, author_profile_id)
    author_profiles.edit(unit.session, row, name=sent.name, text=sent.text, actor=unit.caller.actor, now=unit.now)
    return _with_sites(unit, row)


@router.delete(
    "/author-profiles/{author_profile_id}",
    operation_id="delete_author_profile",
    response_model=AuthorProfileEntry,
    responses=problems(401, 403, 404, 422),
)
@writes(Scope.SETTINGS, whole_account=True)
def delete(unit: Unit, author_profile_id: AuthorProfileId) -> AuthorProfileEntry:
    """Delete a profile, for 30 days so that it can be restored; its `sites` keep the words as their own."""
    row = _profile(unit, author_profile_id)
    used_by = author_profiles.remove(unit.session, row, actor=unit.caller.actor, now=unit.now)
    return _shown(row, used_by)


@router.post(
    "/author-profiles/{author_profile_id}/restore",
    operation_id="restore_author_profile",
    response_model=AuthorProfileEntry,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.SETTINGS, whole_account=True)
def restore(unit: Unit, author_profile_id: AuthorProfileId) -> AuthorProfileEntry:
    """Have a deleted profile back; sites choose it anew."""
    row = author_profiles.restore(
        unit.session,
        account_id=unit.account_id,
        profile_id=author_profile_id,
        actor=unit.caller.actor,
        now=unit.now,
    )
    return _shown(row, ())


@router.get(
    "/sites/{site_id}/author-profile",
    operation_id="get_site_author",
    response_model=SiteAuthor,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.SETTINGS)
def of_site(unit: Unit, site_id: SiteId) -> SiteAuthor:
    """Say whom a site writes as."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return _author(site, site_authors.author_of(unit.session, site))


@router.put(
    "/sites/{site_id}/author-profile",
    operation_id="choose_site_author",
    response_model=SiteAuthor,
    responses=problems(401, 403, 404, 413, 422),
)
@writes(Scope.SETTINGS)
def choose(unit: Unit, site_id: SiteId, chosen: ChosenAuthor) -> SiteAuthor:
    """Let a site write as a profile and follow its edits: its settings say the words, from the next run on."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    row = site_authors.choose(
        unit.session, site, profile_id=chosen.author_profile_id, actor=unit.caller.actor, now=unit.now
    )
    return _author(site, row)


def _profile(unit: Unit, profile_id: int) -> AuthorProfile:
    return author_profiles.get_profile(unit.session, account_id=unit.account_id, profile_id=profile_id)


def _with_sites(unit: Unit, row: AuthorProfile) -> AuthorProfileEntry:
    return _shown(row, author_profiles.sites_of(unit.session, [row.id])[row.id])


def _shown(row: AuthorProfile, used_by: Sequence[Site]) -> AuthorProfileEntry:
    names = ("id", "name", "text", "created_at", "updated_at", "deleted_at")
    told = {name: getattr(row, name) for name in names}
    return AuthorProfileEntry(**told, sites=[AuthorsSite.model_validate(site) for site in used_by])


def _author(site: Site, row: AuthorProfile | None) -> SiteAuthor:
    told = {} if row is None else {"author_profile_id": row.id, "name": row.name, "text": row.text}
    return SiteAuthor(**{"site_id": site.id, "author_profile_id": None, "name": None, "text": None} | told)
