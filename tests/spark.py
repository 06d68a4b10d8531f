"""A Spark standalone cluster of this machine, on loopback: a master and two workers of one core each."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.required import lacking

WORKERS = 2


def missing() -> str:
    """What this machine lacks; empty if a cluster can be started."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed: make test-spark"
    return "" if shutil.which("java") else "there is no Java"


def skip_or_fail() -> None:
    """Skip with the reason where there can be no cluster, or fail where one is required."""
    if reason := missing():
        lacking("spark", reason)


@dataclass(frozen=True)
class Cluster:
    """Where it answers, and the folder into which Spark writes what its applications did."""

    master: str
    page: str
    log: Path

    def state(self) -> dict[str, Any]:
        """What the master says of itself."""
        with urllib.request.urlopen(f"{self.page}/json/", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def tasks(self) -> Counter[str]:
        """Tasks that ended well, by executor, as Spark's own event log tells of all applications."""
        found: Counter[str] = Counter()
        for path in self.log.rglob("*"):
            for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
                event = json.loads(line)
                if event["Event"] == "SparkListenerTaskEnd" and not event["Task Info"]["Failed"]:
                    found[event["Task Info"]["Executor ID"]] += 1
        return found


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start it, with all it writes in `folder`, and end it with all its processes."""
    home = Path(importlib.util.find_spec("pyspark").origin or "").parent  # type: ignore[union-attr]
    log = folder / "log"
    log.mkdir(parents=True)
    (folder / "spark-defaults.conf").write_text(
        f"""
spark.eventLog.enabled true
spark.eventLog.dir file://{log}
spark.eventLog.compress false
spark.eventLog.rolling.enabled false
spark.local.dir {folder}
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.driver.memory 512m
spark.executor.memory 512m
spark.sql.shuffle.partitions 4
spark.sql.files.minPartitionNum 4
spark.ui.enabled false
"""
    )
    port, page = _free(), _free()
    environment = os.environ | {"SPARK_CONF_DIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"}
    with ExitStack() as stack:

        def start(sign: str, *command: str) -> None:
            process = subprocess.Popen(
                [str(home / "bin/spark-class"), f"org.apache.spark.deploy.{command[0]}", *command[1:]],
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
                text=True,
            )
            stack.callback(_end, process)
            said = []
            for line in process.stderr or ():
                said.append(line)
                if sign in line:
                    # What nobody reads would fill the pipe, and the process would wait for ever.
                    Thread(target=lambda: deque(process.stderr or (), maxlen=0), daemon=True).start()
                    return
            pytest.fail(f"{command[0]} did not start: {''.join(said)[-2000:]}")

        here = ["--host", "127.0.0.1"]
        start("ALIVE", "master.Master", *here, "--port", str(port), "--webui-port", str(page))
        master = f"spark://127.0.0.1:{port}"
        for number in range(WORKERS):
            size = ["--cores", "1", "--memory", "640m", "--work-dir", str(folder / f"work{number}")]
            start("Successfully registered", "worker.Worker", *here, *size, "--webui-port", "0", master)
        os.environ["SPARK_CONF_DIR"] = str(folder)
        stack.callback(os.environ.pop, "SPARK_CONF_DIR", None)
        yield Cluster(master, f"http://127.0.0.1:{page}", log)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.wait(timeout=60)


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
