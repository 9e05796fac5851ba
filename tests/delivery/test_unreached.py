"""A notification nobody could be given comes back as an event, and the fallback contact is told: once, in plain words.

Told on the shipped configuration: Rosa is the fallback contact, Dana is Ana's manager, Omar is Dana's. The decisions
are the pure core's; what the post cannot deliver ends as a delivery worker would settle it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from service.channels.contract import ChannelError
from service.core.effects import Owed, decode_emit, decode_owed, encode_effect
from service.core.envelope import admit, decode, encode_internal
from service.core.events import Event
from service.core.reasons import Code
from service.core.unreached import request_of
from service.delivery import outcome
from service.settings.load import load
from service.simulator.play import world_of
from service.simulator.pure import PureRun, Sent
from tests.delivery.desk import NEVER, NO_MAILBOX, UNKNOWN, Desk, a_reminder, an_owed

CONFIG = Path(__file__).parents[2] / "config"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Town:
    """The core on a virtual clock, and a post that does not reach who is in `unreached`: `dana`, `dana by email`."""

    def __init__(self) -> None:
        self.run = PureRun(world_of(load(CONFIG, {})), NOON)
        self.unreached: dict[str, ChannelError] = {}
        self.arrived: list[tuple[datetime, Owed]] = []
        self.dead: list[str] = []
        self._posted = 0
        self._applied: set[str] = set()

    def promise(self, bare_id: str) -> None:
        """A promise of Ana's, due now; without an answer Dana hears of it in 15 seconds, Omar in 30."""
        fields = {"commitment_id": bare_id, "title": f"Send {bare_id}", "owner": "ana", "kind": "tour"}
        self.event("deadline.set", **fields, due_at=self.run.now.isoformat())

    def event(self, type_: str, **data: str) -> None:
        given = {"id": f"{type_}{data}", "source": "t", "type": type_, "specversion": "1.0", "data": data}
        self.run.give(admit(given, self.run.now)[0])
        self._post()

    def later(self, **span: float) -> None:
        until = self.run.now + timedelta(**span)
        while self.run.next_due and self.run.next_due <= until:
            self.run.run_until(self.run.next_due)
            self._post()
        self.run.run_until(until)

    def told(self, to: str) -> list[Owed]:
        return [owed for _, owed in self.arrived if owed.to == to]

    def codes(self, given: str) -> list[str]:
        return [why.reason.code for why in self.run.whys if why.given == given]

    def settle_again(self, owed: Owed) -> None:
        """A second worker, or the same after a lost reply, ends the same delivery."""
        self._fail(Sent(self.run.now, owed))

    def _post(self) -> None:
        while self._posted < len(self.run.sent):
            one = self.run.sent[self._posted]
            self._posted += 1
            if self._trouble(one.owed):
                self._fail(one)
            else:
                self.arrived.append((self.run.now, one.owed))

    def _trouble(self, owed: Owed) -> ChannelError | None:
        return self.unreached.get(owed.to) or self.unreached.get(f"{owed.to} by {owed.channel}")

    def _fail(self, one: Sent) -> None:
        trouble = self._trouble(one.owed)
        assert trouble is not None
        result = outcome.failed(one.owed, trouble, self.run.now)
        if result.settled.kind == "fallback":
            self.run.sent.append(Sent(self.run.now, decode_owed(result.settled.again)))
        else:
            self.dead.append(one.owed.to)
        for raw in result.settled.emits:
            emit = decode_emit(raw)
            if emit.key not in self._applied:
                self._applied.add(emit.key)
                self.run.give(decode(encode_internal(emit), self.run.now, trusted=True))


def test_an_escalation_that_reaches_nobody_is_told_to_the_fallback_contact_at_once() -> None:
    town = Town()
    town.unreached = {"dana": NEVER}

    town.promise("c1")
    town.later(seconds=26)

    (word,) = town.told("rosa")
    assert (word.template, word.subject, word.until) == ("unroutable", "deadline/c1", "nothing")
    assert word.extra["reader"] == "dana"
    assert word.extra["template"] == "escalated"
    assert word.extra["channel"] == "email"
    assert word.extra["step"] == "first-day.manager"
    assert "554" in str(word.extra["why"])
    assert town.codes("delivery.dead") == [Code.RECORDED, Code.FALLBACK]


def test_the_ladder_goes_on_above_whoever_is_not_reached() -> None:
    town = Town()
    town.unreached = {"dana": NEVER}

    town.promise("c1")
    town.later(seconds=45)

    assert [owed.step for owed in town.told("omar")] == ["director"]


def test_a_delivery_settled_twice_tells_once() -> None:
    town = Town()
    town.unreached = {"dana": NEVER}
    town.promise("c1")
    town.later(seconds=26)

    lost = next(sent.owed for sent in town.run.sent if sent.owed.to == "dana")
    town.settle_again(lost)

    assert len(town.told("rosa")) == 1


def test_one_death_told_again_after_a_rollback_has_the_same_key() -> None:
    keys = []
    for _ in range(2):
        town = Town()
        town.unreached = {"dana": NEVER}
        town.promise("c1")
        town.later(seconds=26)
        keys.append(town.told("rosa")[0].key)

    assert keys[0] == keys[1]


def test_a_reader_who_is_not_reached_for_days_is_one_message_a_day_that_names_what_was_lost() -> None:
    town = Town()
    town.unreached = {"dana": NEVER}

    for number in range(30):
        town.promise(f"c{number}")
    town.later(seconds=30)
    at_once = len(town.told("rosa"))
    town.later(days=1)
    town.later(days=3)

    assert at_once == 1
    first, rest = town.told("rosa")
    assert rest.extra["count"] == 29
    titles = rest.extra["titles"]
    assert isinstance(titles, list)
    assert len(set(titles)) == 20
    assert "Send c0" not in titles
    assert first.key != rest.key
    assert first.subject == "deadline/c0"
    assert rest.decided_at - first.decided_at == timedelta(days=1)


def test_a_channel_that_is_out_of_order_for_everybody_is_one_message_a_reader() -> None:
    town = Town()
    town.unreached = {"dana": NEVER, "ana": NEVER, "omar": NEVER}

    for number in range(10):
        town.promise(f"c{number}")
    town.later(minutes=10)

    assert sorted(str(owed.extra["reader"]) for owed in town.told("rosa")) == ["ana", "dana", "omar"]


def test_the_next_loss_after_a_quiet_day_is_told_at_once() -> None:
    town = Town()
    town.unreached = {"dana": NEVER}
    town.promise("c1")
    town.later(days=2)

    town.promise("c2")
    town.later(seconds=26)

    assert [owed.subject for owed in town.told("rosa")] == ["deadline/c1", "deadline/c2"]


def test_the_word_to_a_fallback_contact_that_is_lost_itself_is_the_end_and_no_loop() -> None:
    town = Town()
    town.unreached = {"dana": NEVER, "rosa": NEVER}

    town.promise("c1")
    town.later(days=10)

    assert town.dead.count("rosa") == 1
    assert town.codes("delivery.dead").count(Code.FALLBACK_UNREACHED) == 1


def test_two_fallback_contacts_who_are_not_reached_do_not_report_each_other() -> None:
    town = Town()
    people = town.run.world.directory.people
    people["leo"] = replace(people["leo"], roles=("ops",))
    town.unreached = {"dana": NEVER, "rosa": NEVER, "leo": NEVER}

    town.promise("c1")
    town.later(days=10)

    assert sorted(town.dead) == ["dana", "leo", "rosa"]


def test_a_fallback_contact_who_misses_their_own_notification_is_told_to_nobody_and_the_record_says_so() -> (
    None
):
    town = Town()
    town.unreached = {"rosa": NEVER}

    fields = {"commitment_id": "c1", "title": "Order paper", "owner": "rosa", "kind": "tour"}
    town.event("deadline.set", **fields, due_at=NOON.isoformat())
    town.later(seconds=5)

    assert town.dead == ["rosa"]
    assert town.codes("delivery.dead") == [Code.RECORDED, Code.FALLBACK_UNREACHED]


def test_an_address_that_bounced_is_tried_again_because_nobody_says_when_the_directory_was_mended() -> None:
    town = Town()
    town.unreached = {"dana": NO_MAILBOX}
    town.promise("c1")
    town.later(seconds=26)

    town.unreached = {}
    town.promise("c2")
    town.later(seconds=26)

    assert [owed.subject for owed in town.told("rosa")] == ["deadline/c1"]
    assert "deadline/c2" in [owed.subject for owed in town.told("dana")]
    assert Code.ADDRESS_DISABLED in town.codes("delivery.bounced")


def test_a_channel_that_bounced_comes_last_in_the_order_of_its_reader() -> None:
    town = Town()
    people = town.run.world.directory.people
    people["dana"] = replace(people["dana"], channels=("email", "slack"))
    town.unreached = {"dana by email": NO_MAILBOX}
    town.promise("c1")
    town.later(seconds=26)

    town.promise("c2")
    town.later(seconds=26)

    by = {owed.subject: (owed.channel, owed.fallbacks) for owed in town.told("dana")}
    assert by == {"deadline/c1": ("slack", ()), "deadline/c2": ("slack", ("email",))}
    assert town.told("rosa") == []


async def test_what_stopped_being_owed_while_it_was_retried_is_cancelled_and_reported_to_nobody(
    desk: Desk,
) -> None:
    desk.email.always = ChannelError("the server said 451: later")
    await desk.owe(an_owed())

    async with desk.working():
        await desk.settled.kind("retry")
        await desk.subject("deadline/c1", status="met")
        while "cancelled" not in desk.settled.kinds:
            desk.later(hours=1)
            await desk.settled.change(within_s=0.02)

    assert await desk.emits() == []
    assert await desk.dead() == []


async def test_a_lost_word_to_the_fallback_contact_says_so_in_its_dead_letter(desk: Desk) -> None:
    desk.email.fails = [NEVER]
    await desk.owe(an_owed(template="unroutable", until="nothing"))

    async with desk.working():
        await desk.settled.count(1)

    (dead,) = await desk.dead()
    assert dead.reason == Code.FALLBACK_UNREACHED
    assert "ana is the fallback contact, so nobody is told now" in dead.detail


def test_a_reminder_that_may_have_arrived_is_reported_to_nobody() -> None:
    town = Town()
    town.unreached = {"ana": UNKNOWN}
    fields = {"commitment_id": "c1", "title": "Send c1", "owner": "ana", "kind": "tour"}

    town.event("deadline.set", **fields, due_at=(NOON + timedelta(seconds=20)).isoformat())
    town.later(seconds=15)

    assert town.dead == ["ana"]
    assert town.told("rosa") == []


def test_a_dead_delivery_carries_what_was_to_be_told() -> None:
    owed = a_reminder()
    result = outcome.failed(owed, NEVER, NOON)

    event: Event = decode(encode_internal(decode_emit(result.settled.emits[0])), NOON, trusted=True)

    lost = event.data.lost  # type: ignore[union-attr]  # Event.data is the base type
    assert (lost.to, lost.step, lost.template, lost.facts) == (
        owed.to,
        owed.step,
        owed.template,
        owed.facts,
    )


def test_a_lost_digest_loses_what_it_only_counts_as_well() -> None:
    parts = (encode_effect(an_owed(1)), encode_effect(a_reminder(2)))
    lost = request_of(an_owed(subject="inbox/ana", template="digest", parts=parts, extra={"more": 12}))

    assert (lost.extra["lost"], lost.extra["titles"]) == (14, ["Send the offer", "Send the offer"])
