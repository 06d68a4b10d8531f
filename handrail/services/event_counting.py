"""How loaded events are counted, written once in SQL that every engine takes, as it stands or translated.

What it reads: `events(name, owner, person, <traits>, time, quarter, copy_key, processed, place, reason)` and
`quarters(quarter, day, hour, shift, true_quarter)`. `person` is null for nobody, `copy_key` is null for
events that cannot be copies, and `place` decides between copies that were processed in the same millisecond.
It keeps to what DuckDB, Spark, BigQuery and Snowflake share; docs/decisions/0034-one-sql-for-every-engine.md.
"""

SESSION_GAP_SECONDS = 1800

QUARTER = 900
"""Seconds of a quarter of an hour: no zone changes its day or hour inside, and no session ends inside."""

_REPEATED = """
select copy_key from events where copy_key is not null group by copy_key having count(*) > 1
"""

_COUNTED = """
select kept.name, kept.owner, kept.person, {traits}, kept.time - quarters.shift as time, kept.reason,
  quarters.true_quarter as quarter, quarters.day, quarters.hour
from (
  select events.name, events.owner, events.person, {event_traits}, events.time, events.quarter, events.reason
  from events left join repeated on events.copy_key = repeated.copy_key
  where repeated.copy_key is null
  union all
  select name, owner, person, {copy_traits}, time, quarter, reason
  from (
    select events.name, events.owner, events.person, {event_traits}, events.time, events.quarter,
      events.reason,
      row_number() over (
        partition by events.copy_key, events.name, events.person, events.time
        order by events.processed desc nulls last, events.place) as copy
    from events join repeated on events.copy_key = repeated.copy_key
  ) as copies
  where copy = 1
) as kept
join quarters on kept.quarter = quarters.quarter
"""

_QUARTER_SUM = """
select owner, person, quarter, min(day) as day, count(*) as events, min(time) as began, max(time) as ended
from counted group by owner, person, quarter
"""

_USER_SUM = """
select owner, day, person, cast(sum(events) as bigint) as events
from quarter_sum group by owner, day, person
"""

_VISITS = """
select person, quarter, sum(starts) over (
    partition by person order by quarter nulls first
    rows between unbounded preceding and current row) as session
from (
  select person, quarter,
    case when day = day_before and began - ended_before <= {gap} then 0 else 1 end as starts
  from (
    select person, quarter, day, began,
      lag(day) over (partition by person order by quarter nulls first) as day_before,
      lag(ended) over (partition by person order by quarter nulls first) as ended_before
    from (
      select person, quarter, min(day) as day, min(began) as began, max(ended) as ended
      from quarter_sum where person is not null group by person, quarter
    ) as seen
  ) as in_order
) as marked
"""

_SESSION_SUM = """
select distinct quarter_sum.owner, quarter_sum.day, quarter_sum.person, visits.session
from quarter_sum join visits on quarter_sum.person = visits.person and quarter_sum.quarter = visits.quarter
"""


def steps(traits: str = "trait") -> dict[str, str]:
    """The tables that lead from the events to users and sessions of a day, in order: name and query.

    `traits` are the columns that hold the values of breakdowns, separated by commas.
    """
    columns = traits.split(", ")
    return {
        "repeated": _REPEATED,
        "counted": _COUNTED.format(
            traits=", ".join(f"kept.{each}" for each in columns),
            event_traits=", ".join(f"events.{each}" for each in columns),
            copy_traits=traits,
        ),
        "quarter_sum": _QUARTER_SUM,
        "user_sum": _USER_SUM,
        "visits": _VISITS.format(gap=SESSION_GAP_SECONDS),
        "session_sum": _SESSION_SUM,
    }


def sums(traits: str = "trait") -> dict[str, str]:
    """The columns that the counted events are summed by: for events, breakdowns and hours."""
    return {
        "act_sum": "owner, day, name, person",
        "trait_sum": f"owner, day, {traits}, person",
        "hour_sum": "owner, day, hour",
    }


def summed(columns: str) -> str:
    """The query of a sum by these columns."""
    return f"select {columns}, count(*) as events from counted group by {columns}"  # noqa: S608  # nosec B608  # columns of ours
