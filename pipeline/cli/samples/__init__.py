"""Owns the sample files that the demo shows."""
