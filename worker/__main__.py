"""`python -m worker` is `factoring-worker`."""

from __future__ import annotations

import sys


def main() -> None:
    """The command. What a container asks every half minute is answered without loading the whole program."""
    if sys.argv[1:2] == ["health"]:
        from worker.commands.health import main as run  # noqa: PLC0415 - see above

        del sys.argv[1]
    else:
        from worker.cli import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
