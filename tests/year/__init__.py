"""Owns the simulated year: sites in three zones, the product's own duties, a clock that the driver moves.

`python -m tests.year` (`make year`) prints what every site should have had beside what it had, and exits 1 where that
differs. What should have been is counted by an oracle that knows nothing of the product's rules.
"""
