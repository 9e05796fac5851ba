"""Random policies, and the small company they are about: people in three zones, two levels above most of them."""

from datetime import time, timedelta

import msgspec
from hypothesis import strategies as st

from service.core.directory import Directory, Person, World
from service.core.policy import At, Condition, Limited, Policy, PolicyBook, Reaction, Recipients, Repeat, Step

HOUR = timedelta(hours=1)

PEOPLE = {
    "ana": Person("ana", manager="dana", mentor="leo", time_zone="Europe/Berlin"),
    "leo": Person("leo", manager="dana", time_zone="America/New_York"),
    "dana": Person("dana", manager="omar"),
    "omar": Person("omar"),
    "ops": Person("ops", roles=("ops",)),
}


def world_of(*policies: Policy) -> World:
    book = PolicyBook(policies, {policy.hash: policy for policy in policies})
    return World(book, Directory(PEOPLE, {}, {}), {}, frozenset({"email"}))


def hours(number: int) -> At:
    return At(elapsed=number * HOUR, text=f"{number} hours")


ats = st.one_of(
    st.integers(-30, 60).map(hours),
    st.integers(-2, 3).map(lambda days: At(days=days, text=f"{days} days")),
    st.sampled_from([-9, -2, 1, 4, 9]).map(
        lambda number: At(elapsed=number * HOUR, text=f"{number} business hours", is_business=True)
    ),
    st.sampled_from([-3, -1, 1, 2, 5]).map(
        lambda days: At(days=days, text=f"{days} business days", is_business=True)
    ),
    st.builds(
        lambda days, hour: At(days=days, clock=time(hour), text=f"{hour}:00"),
        st.integers(-1, 2),
        st.sampled_from([2, 9, 16]),  # 02:00 does not exist in Berlin on 29 March
    ),
)
# Levels that are always somebody, and those that are nobody for some or for all owners.
SOMEBODY = ("owner", "owner.manager", "channel:wins")
ANYBODY = (*SOMEBODY, "owner.mentor", "owner.manager.manager", "person:nobody")


def _skip_if(least: int | None) -> Condition | None:
    return None if least is None else lambda view: view["commitment"]["progress"] >= least


def steps(levels: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.builds(
        lambda at, to, until, repeat, least: Step(
            "", at, Recipients(tuple(to)), until=until, repeat=repeat, skip_if=_skip_if(least)
        ),
        ats,
        st.lists(st.sampled_from(levels), min_size=1, max_size=2, unique=True),
        st.sampled_from(["", "", "done", "acknowledged", "acknowledged by all"]),
        st.none() | st.builds(Repeat, st.integers(1, 9).map(hours), st.integers(1, 3)),
        st.none() | st.sampled_from([50, 90]),
    )


reactions = st.builds(
    lambda on, to: Reaction(f"on-{on}", on, Recipients((to,)), "kept"),
    st.sampled_from(["deadline.met", "deadline.moved", "deadline.set", "commitment.acknowledged"]),
    st.sampled_from(["owner", "everyone_told", "channel:wins"]),
)
limits = st.builds(Limited, st.integers(1, 30).map(hours), st.sampled_from([3, 2, 1, 0]))


def policy(name: str, found: list[Step], **more: object) -> Policy:
    """A policy of these steps, in the order of the timeline, as settings compile it."""
    named = [msgspec.structs.replace(one, id=f"s{index}") for index, one in enumerate(found)]
    ordered = tuple(sorted(named, key=lambda one: one.at.nominal))
    return Policy(name, name, "deadline", "due", f"hash-{name}", ordered, **more)


def recipient_step(number: int, *to: str, until: str = "", times: int = 0) -> Step:
    """So many hours after the moment (negative: before) `to` are told, and `times` more every hour."""
    repeat = Repeat(hours(1), times) if times else None
    return Step("", hours(number), Recipients(to), until=until, repeat=repeat)


def policies(name: str, levels: tuple[str, ...] = ANYBODY) -> st.SearchStrategy[Policy]:
    return st.builds(
        policy,
        st.just(name),
        st.lists(steps(levels), min_size=1, max_size=6),
        reactions=st.lists(reactions, max_size=2, unique_by=lambda one: one.on).map(tuple),
        acknowledge=limits,
        snooze=limits,
        messages_max=st.sampled_from([50, 50, 3]),
    )


worlds = st.one_of(
    policies("one").map(world_of),
    st.tuples(policies("one"), policies("two")).map(lambda both: world_of(*both)),
)
