"""Owns the folder site: a browsable static site that opens by double click."""

from pipeline.sites.folder.target import FolderSite

__all__ = ["FolderSite"]
