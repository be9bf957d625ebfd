"""Checks of everything the worker depends on, read-only: what is wrong, and what to do about it."""
