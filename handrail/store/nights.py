"""Nights in the store: runs, struggles and tutorials."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.metrics import Agreement
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.domain.struggles import Signature, Struggle, Struggler, Stuck
from handrail.domain.tutorials import Draft, RefusedText, Tutorial
from handrail.engine.keys import delivery_id, edited_id
from handrail.store.once import once
from handrail.store.seeing import OF_ALL
from handrail.store.tables import Run, StruggleAccount, StruggleRow, TutorialRow
from handrail.store.writing_tables import RefusedDraft

LOOKED_BACK = 7
"""Nights in which a comparison with Mixpanel's counts is looked for."""

AT_ONCE = 1000
"""Verdicts written in one statement."""

_BLOCK = 500
_URGENCY = (col(StruggleRow.priority).desc(), col(StruggleRow.user_key), col(StruggleRow.feature))


class Counted(NamedTuple):
    """How many verdicts there are by feature, and how many different people they are about."""

    by_feature: dict[str, int]
    people: int


class Nights:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep_report(self, report: Report) -> None:
        row = await self._session.get(Run, report.night) or Run(
            night=report.night, started_at=report.started_at, status=report.status
        )
        row.started_at, row.finished_at = report.started_at, report.finished_at
        row.status, row.report = report.status, report.model_dump_json()
        self._session.add(row)

    async def report(self, night: date | None = None) -> Report | None:
        """The report of a night, or of the newest one."""
        statement = select(Run).order_by(col(Run.night).desc()).limit(1)
        if night is not None:
            statement = statement.where(Run.night == night)
        row = (await self._session.exec(statement)).first()
        return Report.model_validate_json(row.report) if row else None

    async def all(self) -> list[date]:
        """Every night that was run, newest first."""
        rows = await self._session.exec(
            select(col(Run.night)).where(Run.report != "").order_by(col(Run.night).desc())
        )
        return list(rows)

    async def reports(self, nights: Collection[date]) -> list[Report]:
        """Of these nights, newest first."""
        rows = await self._session.exec(
            select(Run.report).where(col(Run.night).in_(nights)).order_by(col(Run.night).desc())
        )
        return [Report.model_validate_json(report) for report in rows]

    async def newest(self, limit: int) -> list[Report]:
        """Reports, the newest night first."""
        rows = await self._session.exec(select(Run.report).order_by(col(Run.night).desc()).limit(limit))
        return [Report.model_validate_json(report) for report in rows if report]

    async def of_period(self, period: Period) -> list[Report]:
        rows = await self._session.exec(
            select(Run.report).where(Run.night >= period.from_date, Run.night <= period.to_date)
        )
        return [Report.model_validate_json(report) for report in rows if report]

    @once
    async def last_agreement(self) -> Agreement | None:
        """How far our counts agreed with Mixpanel's when they were last compared."""
        rows = await self._session.exec(select(Run.report).order_by(col(Run.night).desc()).limit(LOOKED_BACK))
        # Reports are long, and every answer asks for this: none is read further than need be.
        found = (Report.model_validate_json(report).agreement for report in rows if report)
        return next((agreement for agreement in found if agreement is not None), None)

    async def replace_struggles(self, night: date, feature: str, struggles: Iterable[Struggle]) -> None:
        """Verdicts are written piece by piece: a night's need not all be held at a time."""
        for table in (StruggleRow, StruggleAccount):
            await self._session.exec(
                delete(table).where(col(table.night) == night, col(table.feature) == feature)
            )
        left = iter(struggles)
        while some := list(islice(left, AT_ONCE)):
            await self._session.exec(insert(StruggleRow), params=[_struggle_row(night, one) for one in some])
            if whose := [row for one in some for row in _whose(night, one)]:
                await self._session.exec(insert(StruggleAccount), params=whose)

    async def forget_struggles(self, before: date) -> None:
        """Drop what was known of single people in nights before that one."""
        for table in (StruggleRow, StruggleAccount):
            await self._session.exec(delete(table).where(col(table.night) < before))

    async def struggles(
        self,
        night: date,
        *features: str,
        account_id: str = "",
        key: str = "",
        after: int = 0,
        limit: int | None = None,
    ) -> list[Struggle]:
        """Most urgent first; ties broken by user key, then feature. At most `limit`, after so many.

        Without features those of all; `key` is the beginning of a user key.
        """
        rows = await self._session.exec(
            select(StruggleRow.document)
            .where(*_struggling(night, features, account_id))
            .where(col(StruggleRow.user_key).startswith(key, autoescape=True))
            .order_by(*_URGENCY)
            .offset(after)
            .limit(limit)
        )
        return [Struggle.model_validate_json(document) for document in rows]

    async def count_struggles(self, night: date, *features: str, account_id: str = "") -> Counted:
        """How many struggle with these features, or with any."""
        where = _struggling(night, features, account_id)
        rows = await self._session.exec(
            select(StruggleRow.feature, func.count()).where(*where).group_by(col(StruggleRow.feature))
        )
        people = await self._session.exec(
            select(func.count(func.distinct(StruggleRow.user_key))).where(*where)
        )
        return Counted(dict(rows.all()), people.one())

    async def struggles_of(self, delivery_ids: Sequence[str]) -> dict[str, Struggle]:
        """What these mails would help with, by their ids, most urgent first."""
        found: list[tuple[str, Struggle]] = []
        for at in range(0, len(delivery_ids), _BLOCK):
            rows = await self._session.exec(
                select(StruggleRow.delivery_id, StruggleRow.document).where(
                    col(StruggleRow.delivery_id).in_(delivery_ids[at : at + _BLOCK])
                )
            )
            found += [(delivery, Struggle.model_validate_json(document)) for delivery, document in rows]
        return dict(sorted(found, key=lambda each: (-each[1].priority, each[1].user_key, each[1].feature)))

    async def strugglers(self, night: date) -> list[Struggler]:
        """Who struggled with what, most urgent first."""
        statement = select(StruggleRow.user_key, StruggleRow.feature, StruggleRow.signature)
        rows = await self._session.exec(statement.where(StruggleRow.night == night).order_by(*_URGENCY))
        signature = cache(Signature.of)
        return [Struggler(user, feature, signature(key)) for user, feature, key in rows]

    async def struggling_users(self, period: Period) -> int:
        """Different people who struggled in the nights of a period."""
        rows = await self._session.exec(
            select(func.count(func.distinct(StruggleRow.user_key))).where(
                *_nights(period.from_date, period.to_date)
            )
        )
        return rows.one()

    async def last_struggle_night(self) -> date | None:
        rows = await self._session.exec(
            select(col(StruggleRow.night)).order_by(col(StruggleRow.night).desc()).limit(1),
            execution_options=OF_ALL,
        )
        return rows.first()

    async def tutorial(self, tutorial_id: str) -> Tutorial | None:
        row = await self._session.get(TutorialRow, tutorial_id)
        return Tutorial.model_validate_json(row.document) if row else None

    async def edited(self, tutorial_id: str) -> Tutorial | None:
        """The last words that a person gave this tutorial."""
        rows = await self._session.exec(
            select(TutorialRow.document)
            .where(col(TutorialRow.id).startswith(edited_id(tutorial_id, "")))
            .order_by(col(TutorialRow.created_at).desc())
            .limit(1)
        )
        document = rows.first()
        return Tutorial.model_validate_json(document) if document else None

    async def texts_of(self, reports: Sequence[Report]) -> list[Tutorial]:
        """The tutorials that were written while these nights ran."""
        if not reports:
            return []
        began = min(report.started_at for report in reports)
        ended = max(report.finished_at or report.started_at for report in reports)
        rows = await self._session.exec(
            select(TutorialRow.document).where(
                TutorialRow.created_at >= began, TutorialRow.created_at <= ended
            )
        )
        return [Tutorial.model_validate_json(document) for document in rows]

    async def keep_tutorial(self, tutorial: Tutorial, now: datetime) -> None:
        """Keep a tutorial; an earlier one with the same id stays, for its text may have gone out."""
        if await self._session.get(TutorialRow, tutorial.id) is None:
            self._session.add(
                TutorialRow(
                    id=tutorial.id,
                    signature=tutorial.signature,
                    feature=tutorial.feature,
                    document=tutorial.model_dump_json(),
                    created_at=now,
                )
            )

    async def keep_edited(self, tutorial: Tutorial, now: datetime) -> None:
        """Keep a person's words; said a second time, they are the last again."""
        await self.keep_tutorial(tutorial, now)
        row = await self._session.get_one(TutorialRow, tutorial.id)
        row.created_at = now
        self._session.add(row)

    async def keep_refused(self, tutorial: Tutorial, draft: Draft, version: str, now: datetime) -> None:
        """Keep the draft that was not used, beside the tutorial that went out in its place."""
        await self._session.merge(
            RefusedDraft(
                tutorial_id=tutorial.id,
                signature=tutorial.signature,
                feature=tutorial.feature,
                step=tutorial.stuck_step,
                version=version,
                because=json.dumps(tutorial.refused_because, ensure_ascii=False),
                document=draft.model_dump_json(),
                at=now,
            )
        )

    async def refused(self, feature: str = "") -> list[RefusedText]:
        """Drafts that the gate refused, newest first."""
        statement = select(RefusedDraft).order_by(col(RefusedDraft.at).desc(), RefusedDraft.tutorial_id)
        if feature:
            statement = statement.where(RefusedDraft.feature == feature)
        return [
            RefusedText(
                tutorial_id=row.tutorial_id,
                signature=row.signature,
                feature=row.feature,
                step=row.step,
                version=row.version,
                because=tuple(json.loads(row.because)),
                draft=Draft.model_validate_json(row.document),
                at=row.at,
            )
            for row in await self._session.exec(statement)
        ]

    async def stuck(self, since: date, until: date, feature: str = "") -> list[Stuck]:
        """How many people each signature had in these nights, each person once, and their usual attempts."""
        # Of one night a person stands once with a feature.
        people = func.count() if since == until else func.count(func.distinct(col(StruggleRow.user_key)))
        statement = (
            select(StruggleRow.signature, StruggleRow.feature, people, func.avg(StruggleRow.attempts))
            .where(*_nights(since, until), StruggleRow.signature != "")
            .group_by(col(StruggleRow.signature), col(StruggleRow.feature))
            .order_by(people.desc(), col(StruggleRow.signature))
        )
        if feature:
            statement = statement.where(StruggleRow.feature == feature)
        rows = (await self._session.exec(statement)).all()
        return [
            Stuck(signature=key, feature=slug, people=count, attempts=float(attempts))
            for key, slug, count, attempts in rows
        ]


def _nights(since: date, until: date) -> list[Any]:
    """Verdicts of these nights; of one night the indices have people, and kinds of struggles, in order."""
    night = col(StruggleRow.night)
    return [night == since] if since == until else [night >= since, night <= until]


def _struggle_row(night: date, one: Struggle) -> dict[str, Any]:
    return {
        "night": night,
        "user_key": one.user_key,
        "feature": one.feature,
        "document": one.model_dump_json(),
        "signature": one.signature.key,
        "attempts": one.attempts,
        "priority": one.priority,
        "delivery_id": delivery_id(night, one.user_key, one.feature),
    }


def _whose(night: date, one: Struggle) -> list[dict[str, Any]]:
    return [
        {"night": night, "account_id": account, "user_key": one.user_key, "feature": one.feature}
        for account in dict.fromkeys(one.account_ids)
    ]


def _struggling(night: date, features: Sequence[str], account_id: str) -> list[Any]:
    """Conditions on verdicts: of a night, of these features or any, of an account's people or anybody."""
    found: list[Any] = [StruggleRow.night == night]
    if features:
        found.append(col(StruggleRow.feature).in_(features))
    if account_id:
        theirs = select(StruggleAccount.user_key, StruggleAccount.feature).where(
            StruggleAccount.night == night, StruggleAccount.account_id == account_id
        )
        found.append(tuple_(col(StruggleRow.user_key), col(StruggleRow.feature)).in_(theirs))
    return found
