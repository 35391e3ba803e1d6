"""Servers from the registries that stand in for the AI providers, and what is tested against them: `make test-all`."""
