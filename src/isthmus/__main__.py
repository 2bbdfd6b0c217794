"""``isthmus`` and ``python -m isthmus``."""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code.

    Imports create a million objects and no garbage, and collection would take a fifth of their time, so it starts with
    the command itself. What is left at the end is freed with the process.
    """
    gc.disable()
    try:
        from isthmus.cli.outcome import run
    except KeyboardInterrupt:  # before `run` can handle it
        print("isthmus: interrupted; nothing was left half written.", file=sys.stderr)
        sys.exit(130)

    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
