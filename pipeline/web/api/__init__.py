"""The operations below `/api/v1`, by noun: what a caller may ask, and what is answered."""

from typing import Final

from pipeline.web.api import (
    api_keys,
    audit,
    calendar,
    calendar_actions,
    calendar_feed,
    content,
    credit,
    decisions,
    defaults,
    deliveries,
    exports,
    images,
    keywords,
    ledger,
    log_in,
    models,
    notifications,
    planning,
    preferences,
    prompts,
    providers,
    reports,
    reviews,
    run_events,
    runs,
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
        *(run_events, ledger, notifications, reports, webhooks, deliveries, prompts),
        *(calendar_feed, log_in, users, api_keys, audit, models, providers, defaults, preferences),
        *(keywords, planning, site_changes, site_sync, versions, images, exports),
    )
)
