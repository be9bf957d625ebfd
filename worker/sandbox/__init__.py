"""The outside world on localhost, speaking the vendors' own wire formats. Knows nothing of the worker but its model."""
