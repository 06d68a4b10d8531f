"""The catalogue: every module of this package that does not start with an underscore is one tool."""

import importlib
import pkgutil
from functools import cache

from tools._tool import Tool, entry

__all__ = ["Tool", "catalogue"]


@cache
def catalogue() -> tuple[Tool, ...]:
    """All tools, by name. A module without a tool of its own name is a mistake and raises."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        function = getattr(importlib.import_module(f"{__name__}.{module.name}"), module.name, None)
        tool = entry(function)
        if tool is None:
            raise LookupError(f"tools/{module.name}.py has no @tool function named {module.name}.")
        found.append(tool)
    return tuple(sorted(found, key=lambda tool: tool.name))
