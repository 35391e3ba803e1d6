"""The database: connections, transactions, its clock, migrations."""
