"""The tables, by noun. Importing this package knows them all."""

from pipeline.models.access import ApiKey, IdempotencyKey
from pipeline.models.accounts import Account, User
from pipeline.models.ai import AiModel
from pipeline.models.audit import AuditEvent, BeatClaim, Heartbeat, HousekeepingPosition
from pipeline.models.author_profiles import AuthorProfile
from pipeline.models.base import Base
from pipeline.models.calendar import CalendarSlot, SiteCalendar, UndoRecord
from pipeline.models.credits import AiCall, CreditEntry
from pipeline.models.feeds import CalendarFeed
from pipeline.models.integrations import IntegrationProvider, ProviderBreaker
from pipeline.models.keyword_library import Industry, Sector, SeedKeyword
from pipeline.models.log_ins import LogIn, LogInAttempts, RecoveryCode, SecondFactor
from pipeline.models.media import Image, ImagePrompt
from pipeline.models.notifications import Delivery, Notification, Webhook
from pipeline.models.planning import Cluster, Idea, IdeaKeyword, Keyword
from pipeline.models.plans import CreditPackage, Plan
from pipeline.models.preferences import UserSetting
from pipeline.models.prompts import Prompt
from pipeline.models.publishing import Publication
from pipeline.models.runs import Decision, Lane, Run, StageItem, StageRun
from pipeline.models.schema_floor import SchemaFloor
from pipeline.models.settings import AccountSetting, SiteAutomationSettings, SystemAiSettings
from pipeline.models.site_access import SiteAccess
from pipeline.models.sites import Site, SiteNote, SiteTitle, SyncEvent
from pipeline.models.switches import AccountModuleSwitch, GlobalModuleSwitch
from pipeline.models.writing import Content, ContentTask, ContentVersion

__all__ = [
    "Account",
    "AccountModuleSwitch",
    "AccountSetting",
    "AiCall",
    "AiModel",
    "ApiKey",
    "AuditEvent",
    "AuthorProfile",
    "Base",
    "BeatClaim",
    "CalendarFeed",
    "CalendarSlot",
    "Cluster",
    "Content",
    "ContentTask",
    "ContentVersion",
    "CreditEntry",
    "CreditPackage",
    "Decision",
    "Delivery",
    "GlobalModuleSwitch",
    "Heartbeat",
    "HousekeepingPosition",
    "Idea",
    "IdeaKeyword",
    "IdempotencyKey",
    "Image",
    "ImagePrompt",
    "Industry",
    "IntegrationProvider",
    "Keyword",
    "Lane",
    "LogIn",
    "LogInAttempts",
    "Notification",
    "Plan",
    "Prompt",
    "ProviderBreaker",
    "Publication",
    "RecoveryCode",
    "Run",
    "SchemaFloor",
    "SecondFactor",
    "Sector",
    "SeedKeyword",
    "Site",
    "SiteAccess",
    "SiteAutomationSettings",
    "SiteCalendar",
    "SiteNote",
    "SiteTitle",
    "StageItem",
    "StageRun",
    "SyncEvent",
    "SystemAiSettings",
    "UndoRecord",
    "User",
    "UserSetting",
    "Webhook",
]
