"""What the books say for or against mails: pauses, opt-outs, earlier mails, caps; for many mails at once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import MAY_HAVE_ARRIVED, RECALLED, Delivery, History, Reason, Status
from handrail.engine.holdout import VOLUME, VOLUME_DAYS
from handrail.engine.keys import original_id
from handrail.store.mail_tables import DeliveryAccount, DeliveryRow, FollowUpRow, OptOut, Pause
from handrail.store.tables import UserDay

MAILED = [status.value for status in MAY_HAVE_ARRIVED]
STAYED = [status.value for status in Status if status not in MAY_HAVE_ARRIVED]
"""To leave these out of some nights is quick: the index of nights and statuses tells them."""
WEEK = timedelta(days=7)
_BLOCK = 500
"""Names in one question; SQLite takes some thousands."""


class Histories:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(
        self,
        deliveries: Sequence[Delivery],
        *,
        now: datetime,
        cooldown: timedelta,
        feature_cooldown: timedelta,
    ) -> dict[str, History]:
        """By delivery id. The deliveries are of one night; their own rows do not count against them."""
        people = {each.user_key for each in deliveries}
        accounts = {account for each in deliveries for account in each.account_ids}
        pauses = set(await self._session.exec(select(Pause.scope)))
        refused = await self._opt_outs(people)
        mailed = await self._mailed(people)
        mails, active = await self._account_mails(accounts, now), dict[str, int]()
        volume = {each: await self._volume(each, now) for each in {one.feature for one in deliveries}}
        runs = {each: await self.mails_of(each) for each in {one.night for one in deliveries}}
        for night in runs:
            active |= await self.active_users(accounts, night)
        found = {}
        for each in deliveries:
            others = [row for row in mailed[each.user_key] if row.id != each.id]
            scopes = {"all", f"feature:{each.feature}", *(f"account:{one}" for one in each.account_ids)}
            found[each.id] = History(
                paused=bool(scopes & pauses),
                suppressed=refused.get(each.user_key, "unsubscribed") != "unsubscribed",
                unsubscribed=refused.get(each.user_key) == "unsubscribed",
                already_sent=any(_same(row, each) for row in others),
                mailed_within_cooldown=any(
                    row.sending_at > now - cooldown
                    or (row.feature == each.feature and row.sending_at > now - feature_cooldown)
                    for row in others
                    if row.sending_at is not None
                ),
                account_mails_this_week={one: mails.get(one, 0) for one in each.account_ids},
                account_active_users={one: active.get(one, 0) for one in each.account_ids},
                feature_volume=volume[each.feature],
                run_mails=runs[each.night],
            )
        return found

    async def mails_of(self, night: date) -> int:
        """How many mails of a night left, or may have."""
        return await self._count(
            select(func.count())
            .select_from(DeliveryRow)
            .where(DeliveryRow.night == night, col(DeliveryRow.status).in_(MAILED))
        )

    async def _opt_outs(self, people: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for some in _parts(people):
            rows = await self._session.exec(
                select(OptOut.user_key, OptOut.kind).where(col(OptOut.user_key).in_(some))
            )
            found |= dict(rows.all())
        return found

    async def _mailed(self, people: Collection[str]) -> defaultdict[str, list[DeliveryRow]]:
        """What left for each person, or may have."""
        found: defaultdict[str, list[DeliveryRow]] = defaultdict(list)
        for some in _parts(people):
            rows = await self._session.exec(
                select(DeliveryRow).where(
                    col(DeliveryRow.user_key).in_(some), col(DeliveryRow.status).in_(MAILED)
                )
            )
            for row in rows:
                found[row.user_key].append(row)
        return found

    async def _volume(self, feature: str, now: datetime) -> int:
        """Mails and hold-outs of a feature of late, counted no further than they matter."""
        some = (
            select(DeliveryRow.id)
            .where(
                DeliveryRow.feature == feature,
                col(DeliveryRow.decided_at) > now - timedelta(days=VOLUME_DAYS),
                or_(
                    col(DeliveryRow.status).in_(MAILED),
                    (col(DeliveryRow.status) == Status.WITHHELD.value)
                    & (col(DeliveryRow.reason) == Reason.HOLDOUT.value),
                ),
            )
            .limit(VOLUME)
        )
        return await self._count(select(func.count()).select_from(some.subquery()))

    async def _account_mails(self, accounts: Collection[str], now: datetime) -> Counter[str]:
        """Mails of the last seven days, with the questions that followed them."""
        found: Counter[str] = Counter()
        for some in _parts(accounts):
            mails = await self._session.exec(_of_accounts(some, DeliveryRow, DeliveryRow.id, now))
            asked = await self._session.exec(_of_accounts(some, FollowUpRow, FollowUpRow.delivery_id, now))
            found += Counter(dict(mails.all())) + Counter(dict(asked.all()))
        return found

    async def active_users(self, accounts: Collection[str], night: date) -> dict[str, int]:
        """Different people of each account in the week that ends with the night."""
        found: dict[str, int] = {}
        for some in _parts(accounts):
            rows = await self._session.exec(
                select(UserDay.customer_id, func.count(func.distinct(UserDay.user_key)))
                .where(
                    col(UserDay.customer_id).in_(some),
                    col(UserDay.metric_date) > night - WEEK,
                    col(UserDay.metric_date) <= night,
                )
                .group_by(col(UserDay.customer_id))
            )
            found |= dict(rows.all())
        return found

    async def _count(self, statement: Any) -> int:
        return int((await self._session.exec(statement)).one())


def _same(row: DeliveryRow, planned: Delivery) -> bool:
    """Whether this tutorial was sent; of a recalled mail the feature is known, and any text counts as it."""
    if row.detail == RECALLED and row.feature in ("", planned.feature):
        return True
    return bool(planned.tutorial_id) and original_id(row.tutorial_id) == original_id(planned.tutorial_id)


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    known = sorted(names)
    return (known[at : at + _BLOCK] for at in range(0, len(known), _BLOCK))


def _of_accounts(
    accounts: Sequence[str], table: type[DeliveryRow | FollowUpRow], delivery_id: Any, now: datetime
) -> Any:
    """How many of the table's mails went to each account within a week."""
    return (
        select(DeliveryAccount.customer_id, func.count())
        .join(table, col(delivery_id) == col(DeliveryAccount.delivery_id))
        .where(
            col(DeliveryAccount.customer_id).in_(accounts),
            col(table.status).in_(MAILED),
            col(table.sending_at) > now - WEEK,
        )
        .group_by(col(DeliveryAccount.customer_id))
    )
