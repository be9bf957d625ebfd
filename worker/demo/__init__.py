"""The demo: the real worker, on a turned clock, against the sandbox. The only place of ours that knows the sandbox."""

from worker.demo.play import DemoError, play
from worker.demo.serve import serve_sandbox

__all__ = ["DemoError", "play", "serve_sandbox"]
