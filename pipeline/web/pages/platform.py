"""Owns `/settings/ai-models`, for those who run the installation, and `/thinker/…`: prompts and author profiles."""

from __future__ import annotations

from fastapi import APIRouter

from pipeline.core.providers import AI_PROVIDERS, ProviderName
from pipeline.core.roles import Role, Scope
from pipeline.services import author_profiles, model_registry, prompts, provider_health, providers, settings
from pipeline.services.prompts import PromptedStage
from pipeline.web.pages.parameters import Chosen
from pipeline.web.pages.views import Page, View, page

router = APIRouter()


@router.get("/settings/ai-models", include_in_schema=False)
@page(Scope.MODELS, role=Role.PLATFORM_ADMIN)
def models(view: View) -> Page:
    """Show every model with its cost and price, and every provider."""
    found = provider_health.troubles(view.session, now=view.now)
    return Page(
        "models.html",
        {
            "models": [model_registry.described(model) for model in model_registry.list_models(view.session)],
            "asked": [provider.value for provider in AI_PROVIDERS],
            "system": settings.load_system(view.session),
            "troubles": {name.value: provider_health.told(found, name.value) for name in ProviderName},
            "providers": [providers.described(row) for row in providers.list_providers(view.session, now=view.now)],
        },
    )


@router.get("/thinker/prompts", include_in_schema=False)
@page(Scope.PROMPTS, role=Role.OWNER)
def show_prompts(view: View, stage: Chosen = "") -> Page:
    """Show what each stage tells its model, and let it be changed for the account."""
    chosen = PromptedStage(stage) if stage in list(PromptedStage) else next(iter(PromptedStage))
    return Page(
        "prompts.html",
        {
            "stages": [prompts.get_prompt(view.session, each, account_id=view.account_id) for each in PromptedStage],
            "chosen": prompts.get_prompt(view.session, chosen, account_id=view.account_id),
            "versions": prompts.list_versions(view.session, chosen, account_id=view.account_id, limit=10),
            "zone": view.shell.site.timezone if view.shell.site else "UTC",
        },
    )


@router.get("/thinker/author-profiles", include_in_schema=False)
@page(Scope.PROMPTS, role=Role.OWNER)
def show_authors(view: View) -> Page:
    """Show whom the account's sites may write as, and let another be chosen for the site that is looked at."""
    rows = author_profiles.list_profiles(view.session, account_id=view.account_id)
    return Page(
        "authors.html",
        {"profiles": rows, "writing": author_profiles.sites_of(view.session, [row.id for row in rows])},
    )
