"""Run the stand-ins: in this thread until stopped, or beside a caller for as long as it needs them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

from standin.app import create_app
from standin.state import Standin, new_state
from standin.world import World


def _server(state: Standin, port: int) -> tuple[uvicorn.Server, socket.socket]:
    listener = socket.create_server(("127.0.0.1", port))
    # Accepted sockets inherit it; without it every second request of a connection waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    state.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(create_app(state), log_level="warning", access_log=False, lifespan="off")
    return uvicorn.Server(config), listener


def serve(world: World, port: int) -> None:
    """Serve until interrupted."""
    server, listener = _server(new_state(world), port)
    server.run(sockets=[listener])


@contextlib.contextmanager
def running(world: World, port: int = 0) -> Iterator[Standin]:
    """The stand-ins on a thread of their own; `state.base_url` says where."""
    state = new_state(world)
    server, listener = _server(state, port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="standin", daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("The stand-ins did not start within 20 seconds.")
        time.sleep(0.01)
    try:
        yield state
    finally:
        server.should_exit = True
        thread.join(timeout=10)
