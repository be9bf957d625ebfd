"""The crash suite: a worker process is killed at every named point, and what follows is compared with the truth."""
