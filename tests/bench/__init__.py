"""Benches: one command, one run, one table. Never a test, for the machine decides the numbers."""
