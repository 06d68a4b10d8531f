"""What each rule of holes.yml has to find: read by semgrep, never run."""

import logging
import os
import pickle
import ssl
import subprocess
import tempfile
import traceback
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx2
import jinja2
import sqlalchemy
import yaml
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pydantic import SecretStr

log = logging.getLogger(__name__)
TABLE = "customers"


def starts(name: str) -> None:
    # ruleid: shell
    subprocess.run(f"ls {name}", shell=True, check=False)
    # ruleid: shell
    os.system(name)
    # ok: shell
    subprocess.run(["ls", name], check=False)


def asks(url: str) -> None:
    # ruleid: tls-unchecked, way-out-of-its-own
    httpx2.get(url, verify=False)
    context = ssl.create_default_context()
    # ruleid: tls-unchecked
    context.check_hostname = False
    # ruleid: follows-redirects, way-out-of-its-own
    httpx2.AsyncClient(follow_redirects=True)
    # ruleid: way-out-of-its-own
    urlopen(url)


def reads(given: bytes) -> list[object]:
    return [
        # ruleid: runs-what-it-reads
        yaml.load(given, yaml.Loader),
        # ruleid: runs-what-it-reads
        pickle.loads(given),
        # ruleid: runs-what-it-reads
        eval(given),
        # ok: runs-what-it-reads
        yaml.safe_load(given),
    ]


def finds(database: Any, name: str) -> None:
    # ruleid: sql-put-together
    database.execute(f"select * from customers where name = '{name}'")
    # ruleid: sql-put-together
    database.exec_driver_sql("select * from " + name)
    # ruleid: sql-put-together
    sqlalchemy.text(f"select {name}")
    # ok: sql-put-together
    database.execute(f"select * from {TABLE} where name = ?", (name,))


def shows(text: str) -> list[object]:
    return [
        # ruleid: markup-unescaped
        Markup(text),
        # ruleid: markup-unescaped
        jinja2.Environment(autoescape=False),
        # ruleid: markup-unescaped
        HTMLResponse(f"<p>{text}</p>"),
        # ok: markup-unescaped
        jinja2.Environment(autoescape=True),
    ]


def tells(key: SecretStr) -> None:
    # ruleid: secret-told
    log.warning("the key is %s", key.get_secret_value())
    # ruleid: secret-told
    print(key.get_secret_value())  # noqa: T201
    # ok: secret-told
    log.warning("the key is %s", key)
    # ruleid: secret-told
    raise ValueError(f"{key.get_secret_value()} is too short")


def fails() -> None:
    try:
        fails()
    except RuntimeError:
        # ruleid: traceback-logged
        log.exception("it broke")
        # ruleid: traceback-logged
        log.warning("it broke", exc_info=True)
        # ruleid: traceback-logged
        traceback.print_exc()
    except ValueError as error:
        # ok: traceback-logged
        log.warning("it broke: %s", type(error).__name__)


def opens(path: Path) -> str:
    # ruleid: open-to-all
    path.chmod(0o777)
    # ok: open-to-all
    path.chmod(0o600)
    # ruleid: open-to-all
    return tempfile.mktemp()
