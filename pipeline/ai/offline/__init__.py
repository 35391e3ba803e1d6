"""The offline testing model: an AI provider that needs no network and answers the same question with the same bytes."""

from pipeline.ai.offline.provider import OfflineProvider

__all__ = ["OfflineProvider"]
