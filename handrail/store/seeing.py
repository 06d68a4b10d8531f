"""What a reader who sees some accounts is shown of the tables: their own view of each, in every statement.

A statement gets the views that it needs in front of it, under the names of the tables (`with customers as
(select ...)`), just before it goes to the driver. So no query can forget them, whatever it is made with.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, String
from sqlmodel import SQLModel

from handrail.domain.access import NOT_YOURS, Sees
from handrail.errors import NotYours

SEES = "handrail_sees"
"""The execution option that holds a reader's rule."""

OF_ALL = {"handrail_of_all": True}
"""Options of a statement that tells of no single account, and so reads the tables themselves.

A date or a name over all accounts; figures only where the caller sees to it that they cannot be taken apart.
"""

_OWN = "customer_id in ({own})"
_OF_OWN_MAIL = "in (select delivery_id from {main}delivery_accounts where customer_id in ({own}))"
_OWN_SCOPE = "scope not like 'account:%' or substr(scope, 9) in ({own})"

VIEWS: Mapping[str, str] = {
    "customers": "id in ({own})",
    **dict.fromkeys(
        (
            "account_health", "account_ids", "account_totals", "account_users", "alerts", "delivery_accounts",
            "event_days", "event_hours", "feature_days", "health_days", "mixpanel_funnels",
            "mixpanel_metrics", "past_days", "sentiments", "user_days", "value_days",
        ),
        _OWN,
    ),
    "struggle_accounts": "account_id in ({own})",
    "struggles": "(night, user_key, feature) in "
    "(select night, user_key, feature from {main}struggle_accounts where account_id in ({own}))",
    "deliveries": f"id {_OF_OWN_MAIL}",
    "pauses": _OWN_SCOPE,
    "switch_changes": _OWN_SCOPE,
}  # fmt: skip
"""The rows of a table that are of the reader's accounts; `own` stands for their ids."""

SAME = frozenset(
    {
        "brakes", "data_problems", "error_reasons", "funnel_measurements", "runs", "synced_days", "syncs",
        "track_records", "tutorials",
    }
)  # fmt: skip
"""Tables without a word of a single account: of days, of the installation, or of texts."""

_OF_RULE = {
    "csm": "csm in ({values})",
    "segment": "segment in ({values})",
    "account": "id in ({values}) or mixpanel_group_id in ({values}) or id in "
    "(select customer_id from {main}account_ids where mixpanel_id in ({values}))",
}
_OWN_IDS = "select id from {main}customers where {rule}"
_VIEW = "{table} as (select * from {main}{table} where {rows})"
_WORD = re.compile(r"[a-z_]+")
_CONTROL = re.compile(r"begin|commit|rollback", re.IGNORECASE)


def narrow(connection: Any, _cursor: Any, statement: str, values: Any, context: Any, _many: bool) -> Any:
    """For `before_cursor_execute`: the statement as this connection's reader may ask it."""
    sees = connection.get_execution_options().get(SEES)
    if sees is None or (context is not None and context.execution_options.get(*OF_ALL)):
        return statement, values
    return narrowed(statement, sees, connection.dialect), values


def narrowed(statement: str, sees: Sees, dialect: Dialect) -> str:
    """The statement with the reader's views in front of it. Raises `NotYours` for what there is no view of,
    and for whatever is no plain question."""
    if _CONTROL.match(statement):
        return statement
    named = _tables(statement)
    if not statement.lower().startswith("select") or not named <= VIEWS.keys() | SAME:
        raise NotYours(NOT_YOURS)
    views = ", ".join(_view(table, sees, dialect) for table in sorted(named & VIEWS.keys()))
    return f"with {views} {statement}" if views else statement


@lru_cache(maxsize=1000)
def _tables(statement: str) -> frozenset[str]:
    """Tables that may be named in it: a column of a table's name is taken for one, too."""
    return frozenset(_WORD.findall(statement.lower())) & SQLModel.metadata.tables.keys()


def _view(table: str, sees: Sees, dialect: Dialect) -> str:
    # SQLite takes the view's own name inside it for the view, PostgreSQL for the table.
    main = "main." if dialect.name == "sqlite" else ""
    text: Callable[[str], str] = String().literal_processor(dialect)  # type: ignore[no-untyped-call]
    listed = ", ".join(map(text, sees.values))
    own = _OWN_IDS.format(main=main, rule=_OF_RULE[sees.by].format(values=listed, main=main))
    return _VIEW.format(table=table, main=main, rows=VIEWS[table].format(own=own, main=main))
