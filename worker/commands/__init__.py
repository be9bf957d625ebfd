"""The commands by subject, each thin: options in, one function called, an answer out. `cli.py` puts them together."""
