"""Logs go to stderr, in words of ours: libraries that would write addresses or keys are kept quiet."""

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

from handrail.settings import Settings
from handrail.workspaces import AT_WORK

OURS = ("handrail", "agent", "mcp_server", "tools", "web")
"""Whose lines are told at the level that is asked for. Libraries write whole URLs, bodies, prompts, arguments
or statements at INFO and DEBUG: of them only warnings are told."""

FORMAT = "%(asctime)s %(levelname)s %(message)s"


def workspace() -> str:
    """For which workspace a line is told: the task's, or that of the whole process."""
    return AT_WORK.get() or os.environ.get("HANDRAIL_WORKSPACE", "")


class Lines(logging.Formatter):
    """Lines for a person. Of an exception where it was raised, and what it is called: its text may quote
    anything, as the line of an export or the arguments of a tool."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler's words for it, text and all
        line = super().format(record)
        name = workspace()
        return f"[{name}] {line}" if name else line

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the base class's name)
        kind, _, trace = ei
        return "".join(traceback.format_tb(trace)) + (kind.__name__ if kind else "")


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how grave, who says it, what, and `figures` where a line carries some."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if name := workspace():
            line["workspace"] = name
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line | getattr(record, "figures", {}), ensure_ascii=False)


def set_up_as_told(settings: Settings) -> None:
    """JSON lines are read by a collector, which wants the figures of the day too."""
    if settings.log_format == "json":
        set_up_logging(logging.INFO, "json")


def set_up_logging(level: int = logging.WARNING, log_format: Literal["text", "json"] = "text") -> None:
    """Call before anything else logs; a second call changes the level and the format."""
    logging.basicConfig(stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if log_format == "json" else Lines(FORMAT))
    logging.getLogger().setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
