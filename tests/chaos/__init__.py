"""Seeded days in which everything goes wrong, and the books compared when the storm is over."""
