"""A site that is told: every article goes to an address of the customer's, signed."""

from pipeline.sites.webhook.target import WebhookSite

__all__ = ["WebhookSite"]
