"""Any order of mails, events, opt-outs, crashes and clocks: the first three promises hold after each step."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handrail.flows.mailing import Block
from standin.server import running
from standin.state import Standin
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL, tried
from tests.hardening.inputs.house import (
    DEATHS,
    FEATURES,
    HARMLESS,
    OPTS_OUT,
    PEOPLE,
    FeatureName,
    House,
    Person,
    build,
)

SOME = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=len(PEOPLE), unique=True)
WHO, FEATURE = st.sampled_from(PEOPLE), st.sampled_from(FEATURES)
FAULTS = [
    {"fault": "status", "status": 500},
    {"fault": "status", "status": 429},
    {"fault": "status", "status": 400},
    {"fault": "answer_lost"},
]
NO = {"cooldown", "already_sent", "unsubscribed", "suppressed", "already_succeeded", "paused"}
LONG = timedelta(days=15)
MOVES = [
    timedelta(minutes=20),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=5),
    LONG,
    timedelta(days=31),
]
"""Forward. Backward it goes a day at most, as a machine's clock may when it is set right."""


class Promises(RuleBasedStateMachine):
    """What people, the mail service, operators and accidents do to one installation."""

    state: ClassVar[Standin]
    fresh: ClassVar[Path]
    """A data directory with empty tables."""
    examples: ClassVar[int]
    mails: ClassVar[int]
    restores: ClassVar[int]
    reasons: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        data = self.fresh.parent / f"data-{self.examples}"
        databases.copy(self.fresh, data)
        self.state.reset()
        self.house = House(self.state, data, self.state.world.start())
        self.blocks: list[Block] = []

    @initialize(feature=FEATURE)
    def a_first_night(self, feature: FeatureName) -> None:
        self.house.back_up()
        self.queue_and_send(list(PEOPLE), feature)

    def teardown(self) -> None:
        type(self).mails += len(self.house.posted)
        self.reasons.update(self.house.reasons())
        self.house.close()
        shutil.rmtree(self.house.data)
        databases.forget(self.house.data)
        self.house.copy.unlink(missing_ok=True)

    @rule(people=SOME, feature=FEATURE)
    def queue_and_send(self, people: list[Person], feature: FeatureName) -> None:
        self._queue(people, feature)
        self.house.send(self.blocks[-1])

    @rule(people=SOME, feature=FEATURE)
    def queue(self, people: list[Person], feature: FeatureName) -> None:
        self._queue(people, feature)

    def _queue(self, people: list[Person], feature: FeatureName) -> None:
        self.blocks.append(self.house.queue(people, feature))

    @precondition(lambda self: self.blocks)
    @rule(back=st.integers(1, 3), at_once=st.sampled_from([1, 1, 2]))
    def send_again(self, back: int, at_once: int) -> None:
        self.house.send(self.blocks[-min(back, len(self.blocks))], at_once=at_once)

    @rule(people=SOME, feature=FEATURE, death=st.sampled_from(sorted(DEATHS)))
    def die_while_sending(self, people: list[Person], feature: FeatureName, death: str) -> None:
        self._queue(people, feature)
        self.house.send(self.blocks[-1], death=death)

    @rule(people=SOME, feature=FEATURE, fault=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def send_to_a_mail_service_that_fails(
        self, people: list[Person], feature: FeatureName, fault: dict[str, object], times: int
    ) -> None:
        self.house.state.faults.add({"neighbour": "sendgrid", "route": "mail/send", "times": times, **fault})
        self._queue(people, feature)
        self.house.send(self.blocks[-1])
        self.house.state.faults.clear()

    @rule(death=st.sampled_from(["", "", *sorted(DEATHS)]))
    def release(self, death: str) -> None:
        self.house.release(death=death)

    @rule(move=st.sampled_from(MOVES), people=SOME, feature=FEATURE)
    def send_later(self, move: timedelta, people: list[Person], feature: FeatureName) -> None:
        """An operator has looked at the brakes meanwhile."""
        self.house.restart(self.house.now + move)
        self.house.resume()
        self.queue_and_send(people, feature)

    @rule()
    def back_up(self) -> None:
        self.house.back_up()

    @rule(move=st.sampled_from([timedelta(), timedelta(minutes=20), LONG]), people=SOME, feature=FEATURE)
    def restore_a_copy(self, move: timedelta, people: list[Person], feature: FeatureName) -> None:
        """What left and was said since the copy comes back from the mail service and the replaced tables."""
        self.reasons.update(self.house.reasons())
        self.house.restore()
        type(self).restores += 1
        self.blocks.clear()
        self.send_later(move, people, feature)

    @rule(hours=st.integers(1, 24))
    def clock_back(self, hours: int) -> None:
        self.house.restart(self.house.now - timedelta(hours=hours))

    @rule(who=WHO, kind=st.sampled_from(sorted(OPTS_OUT)), copies=st.integers(1, 3), feature=FEATURE)
    def hear_of_an_opt_out(self, who: Person, kind: str, copies: int, feature: FeatureName) -> None:
        if mails := self.house.mails_to(who):
            self.house.told(mails[-1], kind, copies, **OPTS_OUT[kind])
            self.house.out.add(who)
        self.send_later(LONG, [who], feature)

    @rule(who=WHO, kind=st.sampled_from(sorted(HARMLESS)), copies=st.integers(1, 2))
    def hear_of_a_mail(self, who: Person, kind: str, copies: int) -> None:
        """A resubscription at the mail service among them: it gives nobody's no away."""
        if mails := self.house.mails_to(who):
            self.house.told(mails[-1], kind, copies, **HARMLESS[kind])

    @rule(who=WHO, feature=FEATURE)
    def press_unsubscribe(self, who: Person, feature: FeatureName) -> None:
        if mails := self.house.mails_to(who):
            self.house.unsubscribe(mails[0])
            self.house.out.add(who)
        self.send_later(LONG, [who], feature)

    @rule(
        who=WHO,
        name=st.sampled_from(["bounces", "spam_reports", "unsubscribes"]),
        move=st.sampled_from([timedelta(minutes=20), LONG]),
        feature=FEATURE,
    )
    def land_on_a_list_of_the_mail_service(
        self, who: Person, name: str, move: timedelta, feature: FeatureName
    ) -> None:
        """Heard of with the next reading of the lists, which are read every quarter of an hour."""
        self.house.listed(who, name)
        self.house.out.add(who)
        self.send_later(move, [who], feature)

    @rule(people=SOME, feature=FEATURE)
    def succeed_before_the_mail(self, people: list[Person], feature: FeatureName) -> None:
        self._queue(people, feature)
        self.house.succeed(people[0], feature)
        self.house.send(self.blocks[-1])

    @rule(people=SOME, feature=FEATURE)
    def send_during_a_pause(self, people: list[Person], feature: FeatureName) -> None:
        self.house.pause()
        self.queue_and_send(people, feature)
        self.house.resume()

    @invariant()
    def the_promises_hold(self) -> None:
        self.house.judge()
        assert self.house.broken == []

    @invariant()
    def nobody_is_named_on_disk(self) -> None:
        assert self.house.personal() == []


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Promises]]:
    folder = tmp_path_factory.mktemp("house")
    with running(build(folder / "world")) as state:
        fresh = folder / "fresh"
        House(state, fresh, state.world.start()).close()
        Promises.state, Promises.fresh = state, fresh
        Promises.examples = Promises.mails = Promises.restores = 0
        Promises.reasons = Counter()
        yield Promises


def test_no_order_of_events_breaks_the_first_three_promises(
    machine: type[Promises], promise: Promise
) -> None:
    chosen = hypothesis.settings(
        hypothesis.settings.get_profile("hardening"),
        max_examples=tried(60),
        stateful_step_count=15,
        phases=[
            hypothesis.Phase.generate
        ],  # a history of fifteen steps can be read; to shorten it takes long
    )

    run_state_machine_as_test(machine, settings=chosen)

    assert machine.mails > 3 * machine.examples, "a machine that mails nobody proves nothing"
    missing = NO - machine.reasons.keys()
    assert not FULL or not missing, "each rule of the promises was asked, and said no"
    promise(
        f"once per tutorial and cool-down, nobody who opted out, no name on disk: 0 broken in "
        f"{machine.examples} histories with {machine.mails} mails and {machine.restores} restores"
    )


def test_a_clock_that_was_ahead_hides_no_entry_of_the_mail_services_lists(
    machine: type[Promises], tmp_path: Path
) -> None:
    machine.state.reset()
    databases.copy(machine.fresh, tmp_path / "data")
    house = House(machine.state, tmp_path / "data", machine.state.world.start())
    right = house.now
    house.restart(right + timedelta(days=1))
    house.send(house.queue(["ana"], "export-rows"))
    house.restart(right + timedelta(hours=2))
    house.listed("bo", "bounces")
    house.restart(right + timedelta(hours=3))
    house.out.add("bo")

    house.send(house.queue(["bo", "cy"], "export-rows"))
    house.close()

    assert house.broken == []
    assert [person for _, person, _ in house.posted] == ["ana", "cy"]
