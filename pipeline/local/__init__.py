"""Owns the embedded default: everything on one machine, from one command, with nothing installed beforehand."""
