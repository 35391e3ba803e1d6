"""The machine: takes lanes, asks, keeps, closes, hands over. Everything that speaks Celery below the edges."""
