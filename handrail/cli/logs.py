"""Logs go to stderr, in words of ours: libraries that would write addresses or keys are kept quiet."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

QUIET = ("httpx2", "httpcore2", "anthropic", "sqlalchemy", "apscheduler")
"""At INFO or DEBUG these write whole URLs, bodies, prompts or statements."""


FORMAT = "%(asctime)s %(levelname)s %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how grave, who says it, what, and `figures` where a line carries some."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line | getattr(record, "figures", {}), ensure_ascii=False)


def set_up_logging(level: int = logging.WARNING, log_format: Literal["text", "json"] = "text") -> None:
    """Call before anything else logs; a second call changes the level and the format."""
    logging.basicConfig(stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(FORMAT))
    logging.getLogger().setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
