"""The tables, by noun. Importing this package knows them all."""

from pipeline.models.access import ApiKey, IdempotencyKey
from pipeline.models.accounts import Account, User
from pipeline.models.ai import AiModel
from pipeline.models.audit import AuditEvent, BeatClaim, Heartbeat, HousekeepingPosition
from pipeline.models.base import Base
from pipeline.models.calendar import CalendarSlot, SiteCalendar, UndoRecord
from pipeline.models.credits import AiCall, CreditEntry
from pipeline.models.media import Image, ImagePrompt
from pipeline.models.notifications import Delivery, Notification, Webhook
from pipeline.models.planning import Cluster, Idea, IdeaKeyword, Keyword
from pipeline.models.prompts import Prompt
from pipeline.models.publishing import Publication
from pipeline.models.runs import Decision, Lane, Run, StageItem, StageRun
from pipeline.models.settings import AccountSetting, SiteAutomationSettings, SystemAiSettings
from pipeline.models.sites import Site, SyncEvent
from pipeline.models.writing import Content, ContentTask

__all__ = [
    "Account",
    "AccountSetting",
    "AiCall",
    "AiModel",
    "ApiKey",
    "AuditEvent",
    "Base",
    "BeatClaim",
    "CalendarSlot",
    "Cluster",
    "Content",
    "ContentTask",
    "CreditEntry",
    "Decision",
    "Delivery",
    "Heartbeat",
    "HousekeepingPosition",
    "Idea",
    "IdeaKeyword",
    "IdempotencyKey",
    "Image",
    "ImagePrompt",
    "Keyword",
    "Lane",
    "Notification",
    "Prompt",
    "Publication",
    "Run",
    "Site",
    "SiteAutomationSettings",
    "SiteCalendar",
    "StageItem",
    "StageRun",
    "SyncEvent",
    "SystemAiSettings",
    "UndoRecord",
    "User",
    "Webhook",
]
