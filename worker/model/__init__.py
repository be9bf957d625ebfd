"""What flows through the house. Pure: no I/O, no clock, nothing of ours imported from outside this package."""
