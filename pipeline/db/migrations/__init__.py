"""Alembic's scripts: `igny8 db upgrade` applies them."""
