"""Real processes to be killed at seeded instants, and what of a site's rows must come out the same all the same."""
