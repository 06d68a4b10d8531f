"""The default world is repeatable, has the sizes it says, and tells the stories it says it tells."""

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from standin.acme import generate, stories
from standin.acme.product import BY_SLUG, FEATURES, QUERIES
from standin.world import load
from tests import oracle
from tests.oracle_reading import Reading, read, read_feature

KB = Path(__file__).resolve().parents[2] / "kb"
LAST_DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
STEPS = {path.stem: read_feature(path).step_ids for path in KB.glob("*.md")}


@dataclass(frozen=True)
class Acme:
    folder: Path
    reading: Reading
    lines: list[str]
    profiles: dict[str, dict[str, Any]]
    groups: dict[str, dict[str, Any]]

    def named(self, struggle: stories.Struggle) -> str:
        """The distinct_id of a planted person."""
        if "address_as_id" in struggle.traits:
            return next(who for who in self.profiles if "@" in who and who.endswith("tanager.example"))
        return stories.person_id(struggle.account, struggle.person)

    def having(self, trait: stories.Trait) -> list[dict[str, Any]]:
        return [self.profiles[self.named(one)] for one in stories.STRUGGLES if trait in one.traits]


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    folder = tmp_path_factory.mktemp("worlds") / "acme"
    generate(folder)
    world = load(folder)
    files = sorted((folder / "events").iterdir())
    lines = [line for path in files for line in gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]]
    return Acme(folder, read(folder), lines, world.profiles, world.groups["company_id"])


def struggling(acme: Acme, as_of: date) -> set[tuple[Any, ...]]:
    found = oracle.struggling(acme.folder, as_of, KB)["features"]
    return {
        (slug, row["distinct_id"], row["stuck_step"], row["main_reason"], row["attempts"], row["errors"])
        for slug, rows in found.items()
        for row in rows
    }


def planted(acme: Acme) -> set[tuple[Any, ...]]:
    return {
        (
            one.feature,
            acme.named(one),
            STEPS[one.feature][one.step],
            one.reason,
            one.attempts,
            one.errors,
        )
        for one in stories.STRUGGLES
    }


def test_the_same_seed_writes_the_same_bytes(acme: Acme, tmp_path: Path) -> None:
    generate(tmp_path)

    first = {path.relative_to(acme.folder): path.read_bytes() for path in acme.folder.rglob("*.*")}
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert first == again


def test_another_last_day_moves_the_world(tmp_path: Path) -> None:
    generate(tmp_path, seed=8, last_day=date(2026, 6, 11))

    world = load(tmp_path)
    assert world.start() == datetime(2026, 6, 12, 2, tzinfo=UTC)
    assert world.days()[-1] == date(2026, 6, 12)


def test_the_world_has_the_sizes_it_says(acme: Acme) -> None:
    assert len(acme.groups) == 25
    assert {"Acme", "Acme Labs"} <= {group["$name"] for group in acme.groups.values()}
    assert 580 <= len(acme.profiles) <= 620
    assert 40_000 <= len(acme.lines) <= 60_000
    assert len({event.day for event in acme.reading.events}) == stories.DAYS
    assert min(len(line) for line in acme.lines) > 500
    assert max(len(line) for line in acme.lines) < 1100


def test_the_clocks_change_within_the_world_and_it_ends_at_its_now(acme: Acme) -> None:
    world = load(acme.folder)
    first, last = acme.reading.events[0], acme.reading.events[-1]

    assert world.start() == NOW
    assert last.time < NOW.timestamp()
    offsets = {datetime.fromtimestamp(event.time, world.timezone).utcoffset() for event in (first, last)}
    assert len(offsets) == 2


def test_every_line_lies_in_the_file_of_its_utc_day_and_arrived_before_now(acme: Acme) -> None:
    for path in sorted((acme.folder / "events").iterdir()):
        for line in gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]:
            properties = json.loads(line)["properties"]
            day = datetime.fromtimestamp(properties["time"], UTC).date().isoformat()
            assert path.name == f"{day}.jsonl.gz"
            assert (
                properties["time"] * 1000
                < properties["mp_processing_time_ms"]
                <= NOW.timestamp() * 1000 + 350
            )


def test_exactly_the_planted_people_struggle(acme: Acme) -> None:
    assert struggling(acme, LAST_DAY) == planted(acme)


def test_nothing_of_the_planted_struggles_hangs_on_the_unfinished_last_day(acme: Acme) -> None:
    late = stories.person_id(stories.LATE_SUCCESS.account, stories.LATE_SUCCESS.person)

    found = struggling(acme, LAST_DAY - timedelta(days=1))

    assert {row for row in found if row[1] != late} == planted(acme)
    assert [row[0] for row in found if row[1] == late] == [stories.LATE_SUCCESS.feature]


def test_someone_succeeded_an_hour_before_the_clock_starts(acme: Acme) -> None:
    story = stories.LATE_SUCCESS
    success = BY_SLUG[story.feature].success
    who = stories.person_id(story.account, story.person)

    times = [event.time for event in acme.reading.events if (event.user, event.name) == (who, success)]

    assert times == [int(NOW.timestamp()) - 3600]


def test_acme_is_stuck_at_one_step_for_one_reason(acme: Acme) -> None:
    rows = oracle.struggling(acme.folder, LAST_DAY, KB)["features"][stories.CONNECT]
    stuck = [row for row in rows if row["accounts"] == [stories.ACME]]
    month = oracle.count(acme.folder, LAST_DAY - timedelta(days=29), LAST_DAY, [stories.ACME])
    users = month["funnels"][0]["accounts"][stories.ACME]["users"]

    assert {(row["stuck_step"], row["main_reason"]) for row in stuck} == {("credentials", "ip_not_allowed")}
    assert len(stuck) == 7
    assert users[2] / users[1] < 0.3
    assert 35 <= month["accounts"][stories.ACME]["period"]["unique_users"] <= 40


def test_one_account_thrives_and_one_fades(acme: Acme) -> None:
    weekly: Counter[tuple[str, int]] = Counter()
    for event in acme.reading.events:
        for account in event.accounts:
            weekly[account, (LAST_DAY - event.day).days // 7] += 1

    assert weekly[stories.MARIGOLD, 0] > 1.5 * weekly[stories.MARIGOLD, 5]
    assert weekly[stories.TANAGER, 0] < 0.6 * weekly[stories.TANAGER, 4]


def test_churned_accounts_stopped_on_the_day_they_left(acme: Acme) -> None:
    churned = {who: group["churned_on"] for who, group in acme.groups.items() if "churned_on" in group}

    assert len(churned) == 2
    for event in acme.reading.events:
        for account in event.accounts:
            assert event.day.isoformat() < churned.get(account, "9999")


def test_two_thirds_of_the_broken_day_are_lost_everywhere(acme: Acme) -> None:
    broken = LAST_DAY - timedelta(days=stories.BROKEN_DAYS_AGO)
    days = Counter(event.day for event in acme.reading.events)
    usual = (days[broken - timedelta(days=7)] + days[broken + timedelta(days=7)]) / 2

    assert 0.25 < days[broken] / usual < 0.42


def test_groups_carry_the_opt_out_and_the_internal_flag(acme: Acme) -> None:
    flagged = {
        flag: [who for who, group in acme.groups.items() if group.get(flag) is True]
        for flag in ("handrail_opt_out", "internal")
    }

    assert flagged == {"handrail_opt_out": [stories.HARBOR], "internal": [stories.INTERNAL]}
    strugglers = [one for one in stories.STRUGGLES if one.account == stories.HARBOR]
    assert len(strugglers) == 3


def test_profiles_of_the_stories_lack_or_carry_what_they_should(acme: Acme) -> None:
    assert acme.having("no_address")
    assert all("$email" not in profile for profile in acme.having("no_address"))
    assert all("$timezone" not in profile for profile in acme.having("no_timezone"))
    assert all(profile["handrail_consent"] is False for profile in acme.having("no_consent"))
    assert [profile["handrail_opt_out"] for profile in acme.having("unsubscribed")] == [True]
    domains = {group["domain"] for group in acme.groups.values()}
    assert all(profile["$email"].split("@")[1] not in domains for profile in acme.having("private_domain"))


def test_most_people_consent_and_every_address_is_made_up(acme: Acme) -> None:
    consent = sum(1 for profile in acme.profiles.values() if profile.get("handrail_consent") is True)
    addresses = [profile["$email"] for profile in acme.profiles.values() if "$email" in profile]

    assert 0.8 < consent / len(acme.profiles) < 0.97
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith(".example") for address in addresses)


def test_deliveries_are_repeated_late_and_sometimes_without_account(acme: Acme) -> None:
    late = sum(
        1
        for event in acme.reading.events
        if event.properties["$mp_api_timestamp_ms"] - event.time * 1000 > 6 * 3_600_000
    )
    counts = oracle.count(acme.folder, LAST_DAY, LAST_DAY, [])["counts"]

    assert late > 300
    assert counts["duplicates_removed"] > 200
    assert counts["left_out"]["$identify"] > 30
    assert counts["without_account"] > 300
    assert counts["several_accounts"] > 100
    assert counts["empty_distinct_id"] > 10


def test_free_text_holds_markup_line_separators_and_orders(acme: Acme) -> None:
    seen = {event.properties["query"] for event in acme.reading.events if event.name == "Search Performed"}

    assert seen == set(QUERIES)
    assert any("\u2028" in line for line in acme.lines)


def test_documents_funnels_and_events_name_the_same_steps(acme: Acme) -> None:
    funnels = {funnel["name"]: funnel for funnel in acme.reading.project["funnels"]}
    happened = {event.name for event in acme.reading.events}
    for feature in FEATURES:
        document = read_feature(KB / f"{feature.slug}.md")
        steps = tuple(step["event"] for step in funnels[feature.funnel]["steps"])
        assert document.step_events == feature.steps == steps
        assert (document.attempt, document.success) == (feature.attempt, feature.success)
        assert {*feature.steps, feature.error} <= happened


def test_documents_explain_every_reason_and_link_to_the_help_pages_only() -> None:
    for feature in FEATURES:
        text = (KB / f"{feature.slug}.md").read_text("utf-8")
        errors = text.split("\nerrors:\n")[1].split("\n---\n")[0]
        explained = [line.split(": ")[1] for line in errors.split("\n") if line.startswith("  - reason")]
        where = [line.split(": ")[1] for line in errors.split("\n") if line.startswith("    step")]
        steps = STEPS[feature.slug]
        assert {(steps.index(step), reason) for step, reason in zip(where, explained, strict=True)} == set(
            feature.reasons
        )
        links = [line.split("url: ")[1] for line in text.split("\n") if "url: " in line]
        assert len(links) == 5
        assert all(link.startswith("https://help.gridlark.example/") for link in links)
