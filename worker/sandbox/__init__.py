"""The outside world on localhost: counterparties that speak the vendors' own wire formats. See docs/sandbox.md."""
