"""Sums of the counted events by person and account, out of which every table of a day is added up.

Two cubes are made once each, when they are first asked for: event by event name, and by breakdown values.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from handrail.domain.features import Feature
from handrail.domain.metrics import EventCount, FeatureDay, ValueCount
from handrail.engine import breakdowns, keys
from handrail.engine.marks import MARK_BYTES, mark_key, union
from handrail.engine.personal import holds_somebody
from handrail.engine.text import shown
from handrail.engine.uses import DEAD_CLICK, RAGE_CLICK

if TYPE_CHECKING:
    import duckdb

UNNAMED_EVENTS = "(events whose names hold personal data)"
"""What stands for them together."""

_MARKS = """
create table marks as
select number as person, left(sha256($key::blob || unhex(user_key)), $digits) as mark from people
"""

_ACTS = """
create table acts as
select account, day, name, person, sum(events)::bigint as events
from act_sum join belongs using (owner) group by all
"""

_EVENT_DAYS = """
select account, day, event, sum(events)::bigint, count(mark), unhex(coalesce(string_agg(mark, ''), ''))
from acts join names on names.number = acts.name left join marks using (person)
group by account, day, event order by account, day, event
"""

_FEATURES = """
create or replace temp table features as
select unnest($slugs::varchar[]) as feature, unnest($attempts::varchar[]) as attempt,
       unnest($successes::varchar[]) as success, unnest($errors::varchar[]) as error
"""

_FEATURE_DAYS = """
with done as (
  select account, day, event, person, events from acts join names on names.number = acts.name
  where event in (select unnest([attempt, success, error]) from features) or event in ($rage, $dead)),
uses as (
  select account, day, feature,
    coalesce(sum(events) filter (event = attempt), 0)::bigint as attempts,
    coalesce(sum(events) filter (event = success), 0)::bigint as successes,
    coalesce(sum(events) filter (event = error), 0)::bigint as errors,
    count(distinct person) filter (event = attempt and person is not null) as attempting,
    count(distinct person) filter (event = success and person is not null) as succeeding
  from done join features on event in (attempt, success, error) group by account, day, feature),
clicks as (
  select account, day, feature, coalesce(sum(events) filter (event = $rage), 0)::bigint as rage,
    coalesce(sum(events) filter (event = $dead), 0)::bigint as dead
  from done join (
    select distinct account, day, feature, person
    from done join features on event = attempt where person is not null)
  using (account, day, person) where event in ($rage, $dead) group by account, day, feature)
select account, day, feature, attempts, successes, errors, attempting, succeeding,
  coalesce(rage, 0), coalesce(dead, 0)
from uses left join clicks using (account, day, feature) order by account, day, feature
"""

_VALUES = """
create temp table value_labels as
select trait, property, kind, label, number as themselves
from (select number as trait, unnest([{places}]) as property, unnest([{columns}]) as value from traits)
join (
  select unnest($values::varchar[]) as value, unnest($kinds::varchar[]) as kind,
         unnest($labels::varchar[]) as label, unnest($user_keys::varchar[]) as user_key)
using (value) left join people using (user_key)
"""

_HAD = """
create temp table had as
select account, day, property, if(coalesce(person = themselves, false), 'other', kind) as kind,
  if(coalesce(person = themselves, false), '', label) as label, person, sum(events)::bigint as events
from trait_sum join value_labels using (trait) join belongs using (owner) group by all;
create temp table placed as
select account, day, property, kind, label, row_number() over (
  partition by account, day, property order by kind = 'value' desc, sum(events) desc, label) as place
from had group by account, day, property, kind, label
"""

_VALUE_DAYS = """
select account, day, property, kind, label, sum(events)::bigint, count(mark),
  unhex(coalesce(string_agg(mark, ''), ''))
from (
  select account, day, property, if(rest, 'other', kind) as kind, if(rest, '', label) as label, person,
    sum(events)::bigint as events
  from (
    select had.*, kind = 'value' and place > $most as rest
    from had join placed using (account, day, property, kind, label))
  group by all)
left join marks using (person)
group by account, day, property, kind, label order by property, account, day, kind, label
"""


class EventSums:
    """The cubes over one connection, and the tables that come out of them."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", secret: bytes, breakdowns: Sequence[str]
    ) -> None:
        self._connection = connection
        self._secret = secret
        self._mark_key = mark_key(secret)
        self._breakdowns = breakdowns
        self._made: set[str] = set()

    def event_days(self) -> list[EventCount]:
        """Events and users of every event of every account and day, by the name as it is shown."""
        self._once("marks", self._make_marks)
        self._once("acts", self._make_acts)
        labels = {event: _label(event) for (event,) in self._rows("select event from names")}
        rows = [
            EventCount(account, day, labels[event], *figures)
            for account, day, event, *figures in self._rows(_EVENT_DAYS)
        ]
        if len(set(labels.values())) == len(labels):
            return rows
        found: dict[tuple[Any, ...], EventCount] = {}
        for row in rows:
            twin = found.get(row[:3])
            found[row[:3]] = _together(twin, row) if twin else row
        return list(found.values())

    def value_days(self) -> list[ValueCount]:
        """Events and users by value of each breakdown property, the commonest values of a day and `other`."""
        self._once("marks", self._make_marks)
        if not self._breakdowns:
            return []
        self._once("values", self._make_values)
        rows = self._rows(_VALUE_DAYS, {"most": breakdowns.KEPT_VALUES})
        return [
            ValueCount(account, day, self._breakdowns[number], *figures)
            for account, day, number, *figures in rows
        ]

    def feature_days(self, features: Iterable[Feature]) -> list[FeatureDay]:
        """How each feature went for every account on every day on which it was used."""
        self._once("acts", self._make_acts)
        listed = list(features)
        self._connection.execute(
            _FEATURES,
            {
                "slugs": [feature.slug for feature in listed],
                "attempts": [feature.events.attempt for feature in listed],
                "successes": [feature.events.success for feature in listed],
                "errors": [feature.events.error or None for feature in listed],
            },
        )
        clicks = {"rage": RAGE_CLICK, "dead": DEAD_CLICK}
        return [FeatureDay(*row) for row in self._rows(_FEATURE_DAYS, clicks)]

    def _once(self, what: str, make: Callable[[], None]) -> None:
        if what not in self._made:
            make()
            self._made.add(what)

    def _make_marks(self) -> None:
        self._connection.execute(_MARKS, {"key": self._mark_key, "digits": 2 * MARK_BYTES})

    def _make_acts(self) -> None:
        self._connection.execute(_ACTS)

    def _make_values(self) -> None:
        """What is kept of each value; a value that is the distinct_id of its own event's user is not."""
        places = range(len(self._breakdowns))
        columns = ", ".join(f"trait{place}" for place in places)
        # The columns' names are numbers of ours.
        values = [row[0] for row in self._rows(f"select distinct unnest([{columns}]) from traits")]  # noqa: S608  # nosec B608
        kept = [breakdowns.value(each) for each in values]
        self._connection.execute(
            _VALUES.format(columns=columns, places=", ".join(map(str, places))),
            {
                "values": values,
                "user_keys": [keys.user_key(self._secret, each) for each in values],
                "kinds": [kind for kind, _ in kept],
                "labels": [label for _, label in kept],
            },
        )
        self._connection.execute(_HAD)

    def _rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()


def _label(event: str) -> str:
    """An event's name as it is kept: anybody can send one that names a person."""
    return UNNAMED_EVENTS if holds_somebody(event) else shown(event)


def _together(one: EventCount, other: EventCount) -> EventCount:
    """Two names that are shown alike are one event."""
    marks = union([one.marks, other.marks])
    return one._replace(total=one.total + other.total, users=len(marks) // MARK_BYTES, marks=marks)
