"""Learning in the store: how each text did, which style a mail was to have, and which styles are frozen."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import TypeAdapter
from sqlalchemy import and_, delete, func, insert, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import Reason, Status
from handrail.domain.feedback import FeedbackKind
from handrail.domain.learning import Choice, StyleTried, Tried
from handrail.domain.tutorials import Style, Tutorial
from handrail.engine.learning import told_in
from handrail.store.histories import MAILED
from handrail.store.mail_tables import DeliveryRow, FeedbackRow, OutcomeRow, StyleChoice, StyleFreeze
from handrail.store.tables import TutorialRow

_STYLE: TypeAdapter[Style] = TypeAdapter(Style)
_BLOCK = 500


class Learning:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def tried(self, since: datetime, feature: str = "") -> list[StyleTried]:
        """How styles did: people whose window ended after `since`."""
        return [
            StyleTried(feature=text.feature, signature=signature, style=told_in(text), tried=tried)
            for signature, text, tried in await self.texts_tried(since, feature)
        ]

    async def texts_tried(self, since: datetime, feature: str = "") -> list[tuple[str, Tutorial, Tried]]:
        """(signature, text, how it did): settled outcomes of people mailed who had not succeeded before."""
        statement = (
            select(
                OutcomeRow.signature,
                TutorialRow.document,
                func.count(),
                func.count(col(OutcomeRow.completed_at)),
            )
            .join(TutorialRow, col(TutorialRow.id) == col(OutcomeRow.tutorial_id))
            .where(
                OutcomeRow.arm == "treated",
                col(OutcomeRow.settled).is_(True),
                col(OutcomeRow.succeeded_before).is_(False),
                col(OutcomeRow.window_ends) > since,
            )
            .group_by(col(OutcomeRow.signature), col(TutorialRow.id), col(TutorialRow.document))
            .order_by(col(OutcomeRow.signature), col(TutorialRow.id))
        )
        if feature:
            statement = statement.where(OutcomeRow.feature == feature)
        rows = (await self._session.exec(statement)).all()
        return [
            (signature, Tutorial.model_validate_json(document), Tried(people=people, completed=completed))
            for signature, document, people, completed in rows
        ]

    async def chosen(self, night: date) -> dict[str, Choice]:
        """The choices of a night, by delivery id."""
        rows = await self._session.exec(select(StyleChoice).where(StyleChoice.night == night))
        return {row.delivery_id: Choice.model_validate(row.model_dump()) for row in rows}

    async def styles(self, night: date) -> dict[str, Style]:
        """The chosen styles of a night, by delivery id."""
        rows = await self._session.exec(
            select(StyleChoice.delivery_id, StyleChoice.style).where(StyleChoice.night == night)
        )
        return {delivery: _STYLE.validate_python(style) for delivery, style in rows}

    async def choose(self, choices: Sequence[Choice]) -> None:
        """Write down choices, each instead of an earlier one of the same mail."""
        for at in range(0, len(choices), _BLOCK):
            some = choices[at : at + _BLOCK]
            mails = [each.delivery_id for each in some]
            await self._session.exec(delete(StyleChoice).where(col(StyleChoice.delivery_id).in_(mails)))
            await self._session.exec(insert(StyleChoice), params=[each.model_dump() for each in some])

    async def forget_choices(self, before: date) -> None:
        """Drop the choices of nights before that one."""
        await self._session.exec(delete(StyleChoice).where(col(StyleChoice.night) < before))

    async def stop(self, feature: str, style: Style) -> None:
        """Mails in this style that wait for their hours, or for a yes, do not leave any more."""
        told = await self._told(feature, style)
        await self._session.exec(
            update(DeliveryRow)
            .where(
                col(DeliveryRow.tutorial_id).in_(told),
                or_(
                    col(DeliveryRow.status) == Status.PLANNED.value,
                    and_(
                        col(DeliveryRow.status) == Status.WITHHELD.value,
                        col(DeliveryRow.reason) == Reason.NEEDS_APPROVAL.value,
                        col(DeliveryRow.detail) == "",
                    ),
                ),
            )
            .values(status=Status.WITHHELD.value, reason=Reason.BRAKED.value, due_at=None)
        )

    async def complaints(self, since: datetime) -> list[tuple[str, Style, datetime]]:
        """(feature, style, when its mail left) of each mail that left since and was complained about."""
        rows = await self._session.exec(
            select(DeliveryRow.id, TutorialRow.document, DeliveryRow.sending_at)
            .distinct()
            .join(FeedbackRow, col(FeedbackRow.delivery_id) == col(DeliveryRow.id))
            .join(TutorialRow, col(TutorialRow.id) == col(DeliveryRow.tutorial_id))
            .where(FeedbackRow.kind == FeedbackKind.COMPLAINED.value, col(DeliveryRow.sending_at) > since)
        )
        texts = [(Tutorial.model_validate_json(document), at) for _, document, at in rows if at]
        return [(text.feature, told_in(text), at) for text, at in texts]

    async def mails(self, feature: str, style: Style, since: datetime) -> int:
        """Mails of a feature in a style that left since."""
        found = await self._session.exec(
            select(func.count())
            .select_from(DeliveryRow)
            .where(
                col(DeliveryRow.tutorial_id).in_(await self._told(feature, style)),
                col(DeliveryRow.status).in_(MAILED),
                col(DeliveryRow.sending_at) > since,
            )
        )
        return found.one()

    async def _told(self, feature: str, style: Style) -> list[str]:
        """Tutorials of a feature in a style."""
        rows = await self._session.exec(select(TutorialRow.document).where(TutorialRow.feature == feature))
        texts = [Tutorial.model_validate_json(document) for document in rows]
        return [text.id for text in texts if told_in(text) == style]

    async def frozen(self) -> set[tuple[str, Style]]:
        """(feature, style) of what is not chosen."""
        rows = await self._freezes()
        return {key for key, row in rows.items() if row.lifted_at is None}

    async def lifted(self) -> dict[tuple[str, Style], datetime]:
        """When what was frozen once was lifted again."""
        return {key: row.lifted_at for key, row in (await self._freezes()).items() if row.lifted_at}

    async def freeze(self, feature: str, style: Style, at: datetime) -> None:
        await self._session.merge(StyleFreeze(feature=feature, style=style, frozen_at=at, lifted_at=None))

    async def lift(self, feature: str, style: Style, at: datetime) -> bool:
        """Let a style be chosen again; False if it is not frozen."""
        row = await self._session.get(StyleFreeze, (feature, style))
        if row is None or row.lifted_at is not None:
            return False
        row.lifted_at = at
        self._session.add(row)
        return True

    async def _freezes(self) -> dict[tuple[str, Style], StyleFreeze]:
        rows = await self._session.exec(select(StyleFreeze))
        return {(row.feature, _STYLE.validate_python(row.style)): row for row in rows}
