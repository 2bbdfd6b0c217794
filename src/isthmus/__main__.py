"""``isthmus`` and ``python -m isthmus``."""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code.

    Importing libraries makes a million objects and no garbage; looking for it takes a fifth of the time, so garbage
    collection starts with the command itself. What is left at the end is freed with the process.
    """
    gc.disable()
    try:
        from isthmus.cli.outcome import run
    except KeyboardInterrupt:  # before `run` is there to say so
        print("isthmus: interrupted; nothing was left half written.", file=sys.stderr)
        sys.exit(130)

    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
