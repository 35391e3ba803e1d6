"""Owns the site that is reached over the network, through its REST API."""

from pipeline.sites.wordpress.client import Access
from pipeline.sites.wordpress.target import RemoteSite

__all__ = ["Access", "RemoteSite"]
