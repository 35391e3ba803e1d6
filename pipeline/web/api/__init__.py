"""The operations below `/api/v1`, by noun: what a caller may ask, and what is answered."""

from typing import Final

from pipeline.web.api import (
    api_keys,
    audit,
    author_profiles,
    calendar,
    calendar_actions,
    calendar_feed,
    content,
    credit,
    decisions,
    defaults,
    deliveries,
    exports,
    forecasts,
    images,
    keyword_library,
    keywords,
    ledger,
    log_in,
    model_catalogue,
    models,
    notifications,
    planning,
    plans,
    preferences,
    prompts,
    provider_tests,
    providers,
    refunds,
    reports,
    reviews,
    run_events,
    run_items,
    runs,
    schedules,
    search,
    second_factor,
    settings,
    site_changes,
    site_sync,
    sites,
    users,
    versions,
    webhooks,
)

PREFIX: Final = "/api/v1"
#: Included one by one, those first that are asked most: every level of routers is looked through at each request.
ROUTERS: Final = tuple(
    part.router
    for part in (
        *(settings, runs, sites, content, calendar, reviews, calendar_actions, decisions, credit),
        # Before the reports: `/reports/model.csv` is no report by "model.csv".
        *(exports, run_items, run_events, forecasts, ledger, notifications, reports, webhooks, deliveries, prompts),
        *(calendar_feed, log_in, users, api_keys, audit, defaults, preferences),
        *(models, model_catalogue, providers, provider_tests),
        *(keywords, planning, site_changes, site_sync, versions, images),
        *(author_profiles, refunds, keyword_library, plans, schedules, search, second_factor),
    )
)
