"""One app, four neighbours by path prefix: /mixpanel, /sendgrid, /anthropic, and /control for tests."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from standin import control
from standin.gate import Gate
from standin.messages import routes as messages
from standin.mixpanel import routes as mixpanel
from standin.sendgrid import routes as sendgrid
from standin.state import Standin


def create_app(state: Standin) -> Starlette:
    routes: list[BaseRoute] = [
        Mount("/mixpanel", app=Gate(state, "mixpanel", mixpanel.routes(state))),
        Mount("/sendgrid", app=Gate(state, "sendgrid", sendgrid.routes(state))),
        Mount("/anthropic", app=Gate(state, "anthropic", messages.routes(state))),
        Mount("/control", routes=control.routes(state)),
    ]
    return Starlette(routes=routes)
