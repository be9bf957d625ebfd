"""Small tools every room may use: clock, log, files, HTTP, retry, secrets."""
