"""A PostgreSQL server for the tests, started here and thrown away, or the reason why there is none."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

USER = "handrail"
MEMORY, ROOM = Path("/dev/shm"), 4 << 30

_SETTINGS = ("max_connections=300", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")
_OPTIONS = ("-F", *(part for each in _SETTINGS for part in ("-c", each)))
"""What is in it need not outlive the machine, and one server has the databases of many tests."""


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`, on the PATH or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def memory() -> Path | None:
    """Where files lie in memory, if there is room: commits wait for no disk there."""
    return MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM else None


@contextmanager
def server() -> Iterator[str]:
    """Its address without a database, such as `127.0.0.1:5433`."""
    programs = binaries()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="handrail-postgres-", dir=memory()))
    as_user = _unprivileged(folder)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **as_user,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, *_OPTIONS],
            stdout=log,
            stderr=log,
            cwd=folder,
            **as_user,
        )
        try:
            _wait(f"postgresql://{USER}@127.0.0.1:{port}/postgres", process)
            yield f"127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)  # ends also with connections that somebody left
            process.wait(timeout=30)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(address: str) -> Iterator[str]:
    """An empty database's address, `user@host:port/name`; dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"postgresql://{USER}@{address}/postgres", autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
        try:
            yield f"{USER}@{address}/{name}"
        finally:
            connection.execute(f'drop database "{name}" with (force)'.encode())


def _unprivileged(folder: Path) -> dict[str, Any]:
    """The server refuses to run as root: then it runs as somebody else, who owns the folder."""
    if os.geteuid() != 0:
        return {}
    known = {each.pw_name: each for each in pwd.getpwall()}
    other = known.get("postgres") or known["nobody"]
    os.chown(folder, other.pw_uid, other.pw_gid)
    return {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            assert process.poll() is None, "PostgreSQL ended; see its log"
            assert time.monotonic() < deadline, "PostgreSQL did not start within 60 seconds"
            time.sleep(0.05)
        else:
            return
