"""Logs go to stderr, in words of ours: libraries that would write addresses or keys are kept quiet."""

import logging
import sys

QUIET = ("httpx2", "httpcore2", "anthropic", "python_http_client.client", "sqlalchemy", "apscheduler")
"""At INFO or DEBUG these write whole URLs, bodies, prompts or statements."""


def set_up_logging(level: int = logging.WARNING) -> None:
    """Call before anything else logs; a second call changes the level."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger().setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
