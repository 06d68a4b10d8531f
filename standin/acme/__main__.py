"""Write the default world into a folder: `python -m standin.acme DIR`."""

import sys
from pathlib import Path

from standin.acme.writer import generate

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m standin.acme DIR")
    generate(Path(sys.argv[1]))
