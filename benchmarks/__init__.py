"""Owns what the project says about its own speed: each figure beside its baseline, measured in the same run.

Never: a test; nothing fails because a machine is slow.
"""
