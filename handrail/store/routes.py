"""Routes in the store: ways of asking that a project does not offer."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.store.tables import ClosedRoute


class Routes:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def close(self, project: str, question: str, route: str, *, why: str, now: datetime) -> None:
        """Remember that this project does not answer the question by this route."""
        await self._session.merge(
            ClosedRoute(project=project, question=question, route=route, why=why, learned_at=now)
        )

    async def closed(self, project: str, question: str, since: datetime) -> set[str]:
        """The routes that were found closed after that moment."""
        rows = await self._session.exec(
            select(ClosedRoute.route).where(
                ClosedRoute.project == project,
                ClosedRoute.question == question,
                col(ClosedRoute.learned_at) > since,
            )
        )
        return set(rows.all())
