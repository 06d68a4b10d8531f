"""Where a request is, for an app that may be mounted below a path of another."""

from typing import Any

from starlette.types import Scope


def root(scope: Scope) -> str:
    """The path below which the app lies; empty where it is alone on its port."""
    return str(scope.get("root_path", ""))


def below(scope: Scope) -> str:
    """The path as the app knows it: every rule about paths asks for this one."""
    path: Any = scope["path"]
    return str(path).removeprefix(root(scope))
