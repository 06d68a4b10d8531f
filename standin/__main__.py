"""Run the stand-ins alone: `python -m standin --world DIR --port N`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from standin.server import serve
from standin.world import check_events, load
from standin.world_files import WorldError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m standin", description=__doc__)
    parser.add_argument("--world", type=Path, required=True, help="the folder of a world")
    parser.add_argument("--port", type=int, default=8322)
    arguments = parser.parse_args()
    try:
        world = load(arguments.world)
        check_events(world)
    except WorldError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stderr.write(f"http://127.0.0.1:{arguments.port}\n")
    serve(world, arguments.port)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
