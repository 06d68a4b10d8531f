"""What a warehouse would be asked, held as text, parsed again, and looked through; it was not run."""

import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from handrail.errors import ConfigError
from handrail.services import event_counting, event_warehouses
from handrail.services.event_engines import (
    PEOPLE,
    Dialect,
    Wanted,
    fetched,
    quoted,
    statements,
    translated,
)
from handrail.services.event_sources import look_at
from handrail.settings import Settings

DIALECTS: tuple[Dialect, ...] = ("bigquery", "snowflake")
NAMES = {"bigquery": ("our-project", "mixpanel"), "snowflake": ("ab12345", "EVENTS", "PUBLIC")}
SALT = "5a17" * 16
HOSTILE = 'it\'s a "name" \\ with `marks`; drop table events; --'

COLUMNS = ["name", "owner", "person", "trait0", "trait1", "time", "quarter", "copy_key"]
COLUMNS += ["processed", "place", "reason", "id"]


def wanted(events: list[str] | None = None, breakdown: str = "$os") -> Wanted:
    day = date(2026, 3, 29)
    return Wanted("company_id", ["plan", breakdown], events, day, day, salt=SALT)


def asked(dialect: Dialect, what: Wanted, *, by_person: bool = False) -> list[str]:
    """Every statement, in order: what is created, then what is fetched."""

    def load(each: Wanted) -> str:
        return event_warehouses.load(dialect, NAMES[dialect], each)

    created = statements(dialect, load, what, "Europe/Berlin")
    fetches = [query for _, query in fetched(what, by_person=by_person).values()]
    return [*created, *(translated(query, dialect) for query in [PEOPLE, *fetches])]


def golden(dialect: Dialect) -> Path:
    return Path(__file__).parent / f"warehouse_{dialect}.sql"


def written(dialect: Dialect) -> str:
    """All statements but the first, which is a calendar of 92 quarters of an hour."""
    return ";\n\n".join(each.strip() for each in asked(dialect, wanted())[1:]) + ";\n"


def parsed(dialect: Dialect, what: Wanted, *, by_person: bool = False) -> list[Any]:
    return [sqlglot.parse_one(each, read=dialect) for each in asked(dialect, what, by_person=by_person)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_warehouse_is_asked_what_stands_in_its_file(dialect: Dialect) -> None:
    assert written(dialect) == golden(dialect).read_text("utf-8")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("events", [None, ["Opened", HOSTILE]], ids=["sums", "moments"])
def test_nothing_is_read_but_the_pipelines_tables_and_what_was_made_of_them(
    dialect: Dialect, events: list[str] | None
) -> None:
    pipelines = {"mp_master_event", "mp_identity_mappings_data", "mp_identity_mappings_data_view"}
    made: set[str] = set()
    for statement in parsed(dialect, wanted(events)):
        target = statement.this.name if isinstance(statement, exp.Create) else ""
        read = {each.name for each in statement.find_all(exp.Table)} - {target, "t", ""}
        assert {each for each in read if each.lower() not in pipelines} <= made, target
        if target:
            assert statement.find(exp.TemporaryProperty), "a table that is gone with the session"
            made.add(target)
    assert {"quarters", "events", "repeated", "counted"} <= made


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_events_have_the_columns_that_are_counted(dialect: Dialect) -> None:
    events = parsed(dialect, wanted())[1]

    assert events.this.name == "events"
    assert [each.alias_or_name for each in events.expression.selects] == COLUMNS


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("by_person", [False, True])
def test_one_query_alone_answers_ids_and_all_others_hashes_and_sums(
    dialect: Dialect, by_person: bool
) -> None:
    answers = [
        each for each in parsed(dialect, wanted(), by_person=by_person) if not isinstance(each, exp.Create)
    ]

    told = [[column.alias_or_name for column in each.selects] for each in answers]

    assert told[0] == ["person", "id"]
    assert all("id" not in columns for columns in told[1:])
    assert ["owner", "day", "hour", *(["person"] if by_person else []), "events"] in told


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_with_marks_in_them_stay_one_literal(dialect: Dialect) -> None:
    events = parsed(dialect, wanted([HOSTILE], HOSTILE))[1]
    alone = sqlglot.parse_one(quoted(HOSTILE, dialect), read=dialect)

    literals = [each.this for each in events.find_all(exp.Literal) if each.is_string]

    assert literals.count(HOSTILE) >= 2
    assert alone.this == HOSTILE


def test_the_counting_keeps_to_what_all_engines_share() -> None:
    queries = [*event_counting.steps("trait0, trait1").values()]
    queries += map(event_counting.summed, event_counting.sums("trait0, trait1").values())
    for query in queries:
        tree = sqlglot.parse_one(query, read="duckdb")
        assert not list(tree.find_all(exp.Qualify, exp.IntDiv, exp.Anonymous, exp.Div, exp.Lambda)), query
        assert not [each for each in tree.find_all(exp.Group) if each.args.get("all")], query
        assert not [each for each in tree.find_all(exp.Distinct) if each.args.get("on")], query
        for each in tree.find_all(exp.Sum):
            assert isinstance(each.this, exp.Column), "no sum of a condition"


@pytest.mark.parametrize(
    ("source", "extra"),
    [
        ("warehouse:bigquery://project/dataset", "bigquery"),
        ("warehouse:snowflake://account/database/schema", "snowflake"),
        ("files+spark:/nowhere", "spark"),
    ],
)
async def test_a_client_that_is_not_installed_is_named_with_the_command_that_installs_it(
    source: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = {"bigquery": "google.api_core", "snowflake": "snowflake", "spark": "pyspark"}[extra]
    monkeypatch.setitem(sys.modules, module, None)  # also where it is installed, it cannot be imported now
    settings = Settings.load(_env_file=None, events_source=source)

    with pytest.raises(ConfigError, match=rf"pip install 'handrail\[{extra}\]'"):
        await look_at(settings, 1, date(2026, 3, 1))


if __name__ == "__main__":
    for each in DIALECTS:
        golden(each).write_text(written(each), "utf-8")
