"""Who works on the nights, on PostgreSQL: seats, heartbeats, and what becomes of the dead."""

from contextlib import suppress
from typing import Any, LiteralString, Self

import psycopg

from handrail.errors import StoreTrouble
from handrail.lock import OURS, TAKEOVER
from handrail.store.trouble import NO_ANSWER

_SEATS = OURS + 1
"""The advisory locks of seats have a first number of their own."""


class Workers:
    """One connection of its own, blocking, so that a busy event loop cannot stop a heart.

    All of it raises `StoreTrouble` where the server does not answer.
    """

    def __init__(self, url: str, process: str) -> None:
        try:
            self._connection = psycopg.connect(url, autocommit=True, application_name=process)
        except psycopg.OperationalError:
            raise StoreTrouble(NO_ANSWER) from None
        self._process = process

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._connection.execute("select pg_advisory_unlock_all()")
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sit_down(self, host: str) -> str:
        """The first free seat of this host: an id that no living process has, and that comes back."""
        number = 0
        while True:
            seat = f"{host}-{number}"
            if self._got("select pg_try_advisory_lock(%s, hashtext(%s))", _SEATS, seat):
                return seat
            number += 1

    def beat(self, seat: str) -> None:
        self._run(
            "insert into workers (id, process, beat_at) values (%s, %s, timezone('utc', clock_timestamp()))"
            " on conflict (id) do update set process = excluded.process, beat_at = excluded.beat_at",
            (seat, self._process),
        )

    def get_up(self, seat: str) -> None:
        """Leave in good order: what is still begun under this seat, others take over at once."""
        self._run(
            "update workers set process = '', beat_at = 'epoch' where id = %s and process = %s",
            (seat, self._process),
        )

    def try_takeover(self) -> bool:
        """Whether this connection may look after the dead now; held until `end_takeover`."""
        return self._got("select pg_try_advisory_lock(%s, %s)", OURS, TAKEOVER)

    def end_takeover(self) -> None:
        self._run("select pg_advisory_unlock(%s, %s)", (OURS, TAKEOVER))

    def dead(self, seconds: float) -> list[tuple[str, str]]:
        """(seat, process) of those whose heart has not beaten for so long."""
        rows = self._run(
            "select id, process from workers"
            " where beat_at < timezone('utc', clock_timestamp()) - make_interval(secs => %s) order by id",
            (seconds,),
        )
        return [(str(seat), str(process)) for seat, process in rows.fetchall()]

    def cut_off(self, process: str) -> None:
        """End its transactions and its locks, should it only be frozen. One that got up lives on."""
        if not process:
            return
        self._run(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = %s and pid <> pg_backend_pid()",
            (process,),
        )

    def bury(self, seat: str, process: str) -> None:
        self._run("delete from workers where id = %s and process = %s", (seat, process))

    def _got(self, statement: LiteralString, *values: int | str) -> bool:
        row = self._run(statement, values).fetchone()
        return bool(row and row[0])

    def _run(self, statement: LiteralString, values: tuple[float | str, ...]) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement, values)
        except psycopg.OperationalError:
            raise StoreTrouble(NO_ANSWER) from None
