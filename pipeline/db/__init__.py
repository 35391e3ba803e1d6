"""The database: sessions, types, claims, migrations."""
