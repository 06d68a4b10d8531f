"""The command line as a person and a script use it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from handrail.cli import printing
from handrail.cli.demo import configuration
from handrail.context import ToolContext
from handrail.domain.runs import Report
from handrail.settings import Settings
from standin.state import Standin
from tests.agent.test_kill import environment
from tests.dungeon import DUNGEON, needs_dungeon

ROOT = Path(__file__).parents[3]


def handrail(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, given: str = ""
) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "handrail.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=cwd,
        input=given,
        env={**kept, "HOME": str(cwd), **(env or {}), "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, list[str]]]:
    """A neighbour whom only the environment names: where it is, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET  # noqa: N815  (the server's own name)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, outside: tuple[str, list[str]]
) -> tuple[Path, dict[str, Any], str]:
    """The folder, the JSON and stderr of one demo, begun where the environment names a real project."""
    folder = tmp_path_factory.mktemp("demo")
    address, _ = outside
    env = {
        "HANDRAIL_MIXPANEL_TOKEN": "a real project's",
        "HANDRAIL_MIXPANEL_INGEST_URL": address,
        "HANDRAIL_EVENTS_SOURCE": f"files:{folder / 'nowhere'}",
        "HANDRAIL_SEES": "account=acct_1001",
        **{f"HANDRAIL_{name}_WEBHOOK": f"{address}/{name}" for name in ("BRIEF", "ALERT", "ALARM")},
        "HANDRAIL_HEARTBEAT_URL": f"{address}/heartbeat",
    }
    done = handrail("demo", "--no-serve", "--json", "--data-dir", str(folder / "data"), cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout), done.stderr


def test_the_demo_prints_one_json_object_and_leaves_readable_mails(
    demo: tuple[Path, dict[str, Any], str],
) -> None:
    folder, printed, _ = demo

    outbox = folder / "data" / "outbox"
    kinds = [sorted(path.suffix for path in outbox.iterdir()).count(end) for end in (".html", ".txt", ".eml")]
    assert printed["report"]["sent"] == printed["mails_written"] == 26
    assert kinds == [26, 26, 26]
    text = min(outbox.glob("*.txt")).read_text("utf-8")
    for page in outbox.glob("*.html"):
        [picture] = re.findall(r'<img[^>]* src="([^"]+)"', page.read_text("utf-8"))
        message = message_from_bytes(page.with_suffix(".eml").read_bytes(), policy=policy.default)
        [inside] = [part for part in message.walk() if part.get_content_type() == "image/png"]
        assert inside["Content-ID"] == "<where-you-are>"
        assert inside.get_content() == (outbox / picture).read_bytes()
        assert 'src="cid:where-you-are"' in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "you are here" in text
    assert "Unsubscribe" in text


def test_the_demo_asks_nobody_whom_the_environment_names(
    demo: tuple[Path, dict[str, Any], str], outside: tuple[str, list[str]]
) -> None:
    _, asked = outside

    assert asked == []


def test_a_second_demo_on_the_same_data_mails_nobody_again(demo: tuple[Path, dict[str, Any], str]) -> None:
    folder, printed, _ = demo

    again = handrail("demo", "--no-serve", "--json", "--data-dir", str(folder / "data"), cwd=folder)

    second = json.loads(again.stdout)
    assert second["mails_written"] == 0
    assert second["report"]["sent"] == printed["report"]["sent"]


def test_the_demo_for_people_tells_the_night_and_how_to_connect(tmp_path: Path) -> None:
    done = handrail("demo", "--no-serve", "--data-dir", "data", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    for words in (
        "The night of 2026-11-19",
        "connect-data-source",
        "withheld: account_opted_out",
        "mcpServers",
    ):
        assert words in done.stdout


def test_what_the_demo_gives_to_paste_is_of_its_own_world_wherever_the_client_starts_it() -> None:
    def world(name: str) -> str:
        told: str = json.loads(configuration(name))["mcpServers"]["handrail-demo"]["env"]["HANDRAIL_DEMO"]
        return told

    assert world("acme") == "acme"
    assert world("my-world") == str(Path.cwd() / "my-world")


@needs_dungeon
def test_the_world_of_mixpanels_own_generator_gives_exactly_the_expected_figures(tmp_path: Path) -> None:
    done = handrail(
        "demo", "--no-serve", "--json", "--world", str(DUNGEON), "--data-dir", "data", cwd=tmp_path
    )
    expected = json.loads(next(DUNGEON.glob("expected-*.json")).read_text("utf-8"))

    printed = json.loads(done.stdout)
    book = {account["mixpanel_id"]: account for account in printed["accounts"]}
    figures = ("total_events", "unique_users", "sessions")
    for mixpanel_id, counted in expected["accounts"].items():
        within = {
            day["day"]: {name: day[name] for name in figures}
            for day in book[mixpanel_id]["days"]
            if expected["period"]["from"] <= day["day"] <= expected["period"]["to"]
        }
        assert within == {day: {name: row[name] for name in figures} for day, row in counted["days"].items()}
        assert {name: book[mixpanel_id]["period"][name] for name in figures} == {
            name: counted["period"][name] for name in figures
        }
    assert all(book[mixpanel_id]["period"] is None for mixpanel_id in expected["accounts_without_events"])
    measured = {(row["funnel_id"], row["mixpanel_id"]): row for row in printed["funnels"]}
    for funnel in expected["funnels"]:
        for mixpanel_id, counted in funnel["accounts"].items():
            row = measured[funnel["funnel_id"], mixpanel_id]
            assert (row["users"], row["conversion"]) == (counted["users"], counted["conversion"])
    assert _struggles(printed["struggles"]) == _expected_struggles(expected)


_SIGNALS = (
    "feature", "accounts", "attempts", "successes", "completion", "errors", "rules", "stuck_step",
    "main_reason", "rage_clicks", "dead_clicks",
)  # fmt: skip


def _struggles(rows: list[dict[str, Any]]) -> list[str]:
    """Each row's signals as text, in an order of its own."""
    plain = (
        {**row, "accounts": sorted(row["accounts"]), "main_reason": row["main_reason"] or ""} for row in rows
    )
    return sorted(json.dumps([row[name] for name in _SIGNALS]) for row in plain)


def _expected_struggles(expected: dict[str, Any]) -> list[str]:
    features = expected["struggling"]["features"]
    return _struggles([{**row, "feature": slug} for slug, rows in features.items() for row in rows])


def test_the_agent_steps_back_once_however_often_it_is_called() -> None:
    """Tests call commands in one process, and must not become slower with each."""
    called = "import os; from handrail.cli.app import agent_yields as go; go(); go(); print(os.nice(0))"
    done = subprocess.run([sys.executable, "-c", called], capture_output=True, text=True, check=True)

    assert int(done.stdout) == max(5, os.nice(0))


def test_a_night_from_the_shell_ends_with_one_json_object(
    ctx: ToolContext, settings: Settings, standins: Standin, tmp_path: Path
) -> None:
    done = handrail("agent", "run", "--json", cwd=tmp_path, env=environment(settings))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sent"] == len(standins.mails) == 26


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_night_that_fails_says_why_in_a_sentence_with_no_trace_of_the_engine_before_it(
    log_format: str, settings: Settings, standins: Standin, tmp_path: Path
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/export", "fault": "status", "status": 401})

    env = {**environment(settings), "HANDRAIL_LOG_FORMAT": log_format}
    done = handrail("agent", "run", "--json", cwd=tmp_path, env=env)

    *before, last = done.stderr.splitlines()
    assert done.returncode == 2
    assert last.startswith("handrail: ")
    assert "check HANDRAIL_MIXPANEL_" in last
    assert before
    if log_format == "json":
        told = [json.loads(line) for line in before]
        assert "a run of the flow ended with ConfigError" in [each["message"] for each in told]
    else:
        assert all(" ERROR " in line or " WARNING " in line for line in before), done.stderr


def test_a_tool_can_be_called_from_the_shell(ctx: ToolContext, settings: Settings, tmp_path: Path) -> None:
    done = handrail(
        "tool", "query_events", '{"account": "Acme"}', "--json", cwd=tmp_path, env=environment(settings)
    )

    assert json.loads(done.stdout)["figures"]["unique_users"] == 39


def test_what_a_tool_changes_from_the_shell_is_the_shells_doing(settings: Settings, tmp_path: Path) -> None:
    given = ("tool", "control_sending", '{"action": "pause"}', "--json")

    done = handrail(*given, cwd=tmp_path, env=environment(settings))

    assert json.loads(done.stdout)["last_change"].startswith("pause all, by shell, ")


def test_a_night_that_read_no_event_tells_no_share_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime(2026, 11, 20, 2, tzinfo=UTC)

    printing.report(Report(night=date(2026, 11, 19), status="done", started_at=now), as_json=False)

    printed = capsys.readouterr().out
    assert "0 events read." in printed
    assert "%" not in printed


def test_what_a_csm_feels_is_kept_and_told_from_the_shell(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    def sentiment(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return handrail("accounts", "sentiment", *arguments, cwd=tmp_path, env=environment(settings))

    nothing = sentiment("Acme")
    kept = sentiment("Acme", "4", "--note", "Calls back at once", "--json")
    listed = sentiment("Acme")
    several, wrong = sentiment("acm", "3"), sentiment("Acme", "0")
    lost = sentiment("Acme", "--note", "Calls back at once")

    assert "Nobody has said" in nothing.stdout
    [felt] = json.loads(kept.stdout)["sentiments"]
    assert (felt["value"], felt["note"]) == (4, "Calls back at once")
    assert listed.stdout.endswith("\t4\tCalls back at once\n")
    assert (several.returncode, wrong.returncode, lost.returncode) == (2, 2, 2)
    assert "Nothing was kept" in lost.stderr
    assert "Acme Labs" in several.stderr
    assert "from 1 (bad) to 5 (good)" in wrong.stderr


def test_a_sync_counts_users_and_refreshes_the_chosen_reports(
    ctx: ToolContext, settings: Settings, standins: Standin, tmp_path: Path
) -> None:
    env = environment(settings) | {"HANDRAIL_MIXPANEL_REPORTS": "Account health, 1"}

    done = handrail("sync", "--json", cwd=tmp_path, env=env)
    older = handrail("sync", "--from", "2026-11-10", "--to", "2026-11-11", cwd=tmp_path, env=env)
    listed = handrail("reports", cwd=tmp_path, env=env)

    refreshed = json.loads(done.stdout)["refreshed"]
    assert (refreshed["profiles"], refreshed["reports"]) == (len(standins.profiles), 2)
    assert [note[:42] for note in refreshed["notes"]] == ["HANDRAIL_MIXPANEL_REPORTS: No saved report"]
    assert "0 profiles were counted, 0 saved reports refreshed." in older.stdout
    lines = listed.stdout.splitlines()
    assert len(lines) == len(standins.world.project["reports"])
    assert sum("copy of 2026-11-21" in line for line in lines) == 2
    assert sum(line.endswith("no copy") for line in lines) == 4


def test_pause_stops_the_next_night_and_resume_lifts_it(
    ctx: ToolContext, settings: Settings, standins: Standin, tmp_path: Path
) -> None:
    env = environment(settings)
    handrail("pause", cwd=tmp_path, env=env)
    paused = json.loads(handrail("agent", "run", "--json", cwd=tmp_path, env=env).stdout)
    state = json.loads(handrail("status", "--json", cwd=tmp_path, env=env).stdout)
    handrail("resume", cwd=tmp_path, env=env)
    resumed = json.loads(handrail("agent", "run", "--json", cwd=tmp_path, env=env).stdout)

    assert (paused["sent"], paused["withheld"]) == (0, {"paused": 42})
    assert state["paused"] == ["all"]
    assert resumed["sent"] == 26


def test_the_doctor_ends_with_1_if_something_is_missing(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    env = environment(settings)

    ill = handrail("doctor", cwd=tmp_path, env=env)
    well = handrail("doctor", "--json", cwd=tmp_path, env=env | {"HANDRAIL_PUBLIC_URL": "https://h.example"})

    assert ill.returncode == 1
    assert "FAIL  mail links" in ill.stdout
    assert len(ill.stdout.strip().splitlines()) == 19
    assert well.returncode == 0
    assert json.loads(well.stdout)["ok"] is True


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        (["sync"], {}, "HANDRAIL_MIXPANEL_PROJECT_ID"),
        (["agent", "run"], {"HANDRAIL_MIXPANEL_PROJECT_ID": "7"}, "HANDRAIL_MIXPANEL_USERNAME"),
        (["status"], {"HANDRAIL_SEND_MODE": "sometimes"}, "HANDRAIL_SEND_MODE"),
        (["status"], {"HANDRAIL_SECRET_KEY": "short"}, "HANDRAIL_SECRET_KEY"),
        (["status"], {"HANDRAIL_KB_DIR": "no-such-folder"}, "HANDRAIL_KB_DIR"),
        (["status"], {"HANDRAIL_MIXPANEL_SEGMENT_PROPERTIES": "role,$email"}, "names $email"),
        (["db", "upgrade"], {"HANDRAIL_DATABASE_URL": "mysql://somewhere/else"}, "HANDRAIL_DATABASE_URL"),
        (["tool", "fly_to_moon"], {}, "query_events"),
        (["tool", "query_events", "not json"], {}, "JSON object"),
        (["agent", "run", "--date", "soon"], {}, "--date"),
        (["demo", "--no-serve", "--world", "no-such-world"], {}, "project.json"),
        (["agent", "start", "--worker"], {}, "--worker needs PostgreSQL (HANDRAIL_DATABASE_URL)"),
        (["serve", "--host", "0.0.0.0"], {}, "--host serves more than this machine"),
        (["serve", "--host", "0.0.0.0"], {"HANDRAIL_API_TOKENS": ","}, "HANDRAIL_API_TOKENS holds no token"),
        (["serve"], {"HANDRAIL_API_TOKENS": "ana:read:short"}, "HANDRAIL_API_TOKENS"),
        (["serve"], {"HANDRAIL_ALLOWED_HOSTS": "desk.example.com"}, "needs HANDRAIL_API_TOKENS"),
        (["serve"], {"HANDRAIL_ALLOWED_HOSTS": "https://desk.example.com"}, "HANDRAIL_ALLOWED_HOSTS"),
        (["serve"], {"HANDRAIL_ALLOWED_ORIGINS": "desk.example.com"}, "HANDRAIL_ALLOWED_ORIGINS"),
        (["serve"], {"HANDRAIL_OTLP_URL": "collector:4318"}, "HANDRAIL_OTLP_URL"),
        (["serve"], {"HANDRAIL_SECRET_KEY": "short"}, "HANDRAIL_SECRET_KEY is too short"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_clear_line_and_exit_code_2(
    arguments: list[str], env: dict[str, str], words: str, tmp_path: Path
) -> None:
    done = handrail(*arguments, cwd=tmp_path, env=env)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [["serve"], ["agent", "start", "--worker"], ["status"]])
def test_a_database_server_that_is_not_there_is_one_line_and_exit_code_1(
    arguments: list[str], tmp_path: Path
) -> None:
    """Not 2: what looks after the process starts it again, for the server may come later."""
    address = "postgresql+asyncpg://handrail@127.0.0.1:1/handrail"
    key = "a secret of the tests, long enough"
    done = handrail(
        *arguments, cwd=tmp_path, env={"HANDRAIL_DATABASE_URL": address, "HANDRAIL_SECRET_KEY": key}
    )

    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("handrail: The database handrail cannot be opened: does its PostgreSQL server run")


def test_who_sees_some_accounts_copies_none_of_the_tables(tmp_path: Path) -> None:
    done = handrail("backup", "all.zip", cwd=tmp_path, env={"HANDRAIL_SEES": "csm=Anna Smith"})

    assert (done.returncode, list(tmp_path.rglob("*.zip"))) == (1, [])
    assert "you see some of them" in done.stderr


def test_a_neighbour_that_is_not_there_is_exit_code_1(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    env = environment(settings) | {"HANDRAIL_MIXPANEL_QUERY_URL": "http://127.0.0.1:9/mixpanel"}

    done = handrail("agent", "run", cwd=tmp_path, env=env)

    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sync", "--from", "2026-13-01"), "--from must be a day"),
        (("sync", "--to", "tomorrow"), "--to must be a day"),
        (("sync", "--from", "2026-11-10", "--to", "2026-11-01"), "the first before the last"),
        (("sync", "--from", "2030-01-01", "--to", "2030-01-05"), "Only complete days"),
        (("sync", "--from", "2001-01-01"), "At most 3650 days"),
        (("sync", "--days", "3", "--from", "2026-11-01"), "--days or --from"),
        (("sync", "--days", "99999999"), "--days"),
        (("tool", "sync_mixpanel", '{"sync_id": 99}'), "There is no sync 99"),
        (("tool", "sync_mixpanel", '{"sync_id": "x"}'), "sync_id"),
    ],
)
def test_a_mistake_in_asking_for_a_sync_is_a_few_clear_words(
    arguments: tuple[str, ...], words: str, settings: Settings, tmp_path: Path
) -> None:
    done = handrail(*arguments, cwd=tmp_path, env=environment(settings))

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "pydantic" not in done.stderr
    assert done.stdout == ""


def test_a_sync_prints_one_object_and_no_bar_where_nobody_looks(settings: Settings, tmp_path: Path) -> None:
    done = handrail("sync", "--days", "3", "--json", cwd=tmp_path, env=environment(settings))

    assert json.loads(done.stdout)["from_date"] == "2026-11-17"
    assert done.stderr == ""


def test_a_tool_that_starts_a_sync_from_the_shell_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    def call(**arguments: object) -> dict[str, Any]:
        given = ("tool", "sync_mixpanel", json.dumps(arguments), "--json")
        answer: dict[str, Any] = json.loads(handrail(*given, cwd=tmp_path, env=environment(settings)).stdout)
        return answer

    started = call(from_date="2026-11-15")
    followed = call(sync_id=started["id"])

    assert (started["status"], followed["status"]) == ("running", "done")


def test_a_nights_brief_and_its_line_of_figures_are_printed(
    ctx: ToolContext, settings: Settings, tmp_path: Path
) -> None:
    env = environment(settings) | {"HANDRAIL_LOG_FORMAT": "json"}

    too_early = handrail("brief", cwd=tmp_path, env=env)
    ran = handrail("agent", "run", "--json", cwd=tmp_path, env=env)
    told = handrail("brief", cwd=tmp_path, env=env)
    named = handrail("brief", "--date", "2026-11-19", "--json", cwd=tmp_path, env=env)
    late = env | {"HANDRAIL_NOW": "2026-11-23T09:00:00+00:00"}
    state = handrail("status", cwd=tmp_path, env=late)

    assert too_early.returncode == 2
    assert "There is no brief of any night yet: run `handrail agent run`." in too_early.stderr
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["sent"] for line in lines if "users_identified" in line] == [26]
    assert told.stdout.startswith("Morning brief, night of 2026-11-19 (America/New_York)\n26 mailed, ")
    assert json.loads(named.stdout)["headline"] in told.stdout
    assert "ALARM: The night of 2026-11-23 02:00 UTC has not finished" in state.stdout
