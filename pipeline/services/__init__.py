"""Owns what people and the engine do, noun by noun. A service takes the session first and never commits."""
