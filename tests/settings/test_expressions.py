"""Conditions: what they may look at, how a slip is named, and that one which fails never does so silently."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.core.directory import Directory, Person, Team
from service.core.events import EVENTS, INTERNAL, Event
from service.core.model import CheckIn, Commitment, Deal, Goal, Moment, Report, Told
from service.core.policy import ConditionFailed
from service.core.view import expression_view, facts
from service.settings.expression_view import SAMPLE, SAMPLES
from service.settings.expressions import ExpressionError, compile_condition

AT = datetime(2026, 11, 24, 16, tzinfo=UTC)


def view(**changes: Any) -> dict[str, Any]:
    return {**SAMPLE, "commitment": {**SAMPLE["commitment"], **changes}}


@pytest.mark.parametrize(
    ("source", "changes", "holds"),
    [
        ("commitment.importance != 'low'", {}, True),
        ("commitment.importance != 'low'", {"importance": "low"}, False),
        ("commitment.importance in ['high', 'normal'] and not commitment.escalated", {}, True),
        ("commitment.progress >= 90 or commitment.slips > 2", {"slips": 3}, True),
        ("commitment.due_at < '2026-12-01T00:00:00.000Z'", {}, True),  # one width: texts compare as instants
        ("commitment.due_at is none", {"due_at": None}, True),
        ("commitment.on_time and commitment.importance == 'high'", {"on_time": None}, False),
        ("'rep' in owner.roles and owner.manager == team.lead", {}, True),
        ("commitment.told | length > 1", {}, False),
        ("commitment.told[0].to == owner.id", {}, True),
        ("commitment.title | lower == 'send the proposal'", {}, True),
        ("commitment['kind'] == '' and (commitment.progress + 10) * 2 == 20", {}, True),
        ("'east' if commitment.team == 'east' else ''", {}, True),
        ("owner.id ~ '@' ~ team.id == 'ana@east'", {}, True),
        ("commitment.title", {"title": ""}, False),
        ("commitment.importance\n  == 'normal'", {}, True),
        ("event.type == 'deadline.met' and event.data.by == 'ana'", {}, True),
    ],
)
def test_condition_holds(source: str, changes: dict[str, Any], holds: bool) -> None:
    assert compile_condition(source)(view(**changes)) is holds


_MIXED = "compare numbers with numbers, without quotes, and texts with texts"


@pytest.mark.parametrize(
    ("source", "column", "message", "hint"),
    [
        ("comitment.kind", 1, "there is no `comitment` here", "did you mean `commitment`?"),
        ("true and owner.mannager", 16, "`owner` has no `mannager`", "did you mean `manager`?"),
        ("event.data.percant > 1", 12, "`event.data` has no `percant`", "did you mean `percent`?"),
        ("commitment['knd'] == ''", 11, "`commitment` has no `knd`", "did you mean `kind`?"),
        (
            "commitment.title.upper()",
            18,
            "`commitment.title` has nothing inside",
            "write it as in `commitment.title | upper`",
        ),
        (
            "commitment.importance == 'hig'",
            26,
            "`commitment.importance` is never `hig`",
            "did you mean `high`?",
        ),
        ("'mett' == commitment.status", 1, "`commitment.status` is never `mett`", "did you mean `met`?"),
        ("commitment.title = 'x'", 18, "`=` is not expected here", "did you mean `==`?"),
        ("commitment.title | uppr", 20, "there is no filter `uppr`", "did you mean `upper`?"),
        ("commitment.title ==", 18, "unexpected `end`", ""),
        ("{{ commitment.kind }}", 20, "expected token `:`, got `}`", "write the condition without {{ and }}"),
        ("1 ** 2", 1, "`**` is not allowed", ""),
        ("", 1, "is empty", "leave it out"),
        ("x" * 1_001, 1, "is longer than 1,000 characters", ""),
        ("commitment.progress > '1'", 1, "fails on a sample commitment: `>` not supported", _MIXED),
        ("commitment", 1, None, ""),
    ],
)
def test_slip_is_named_with_its_column(source: str, column: int, message: str | None, hint: str) -> None:
    if message is None:
        compile_condition(source)
        return
    with pytest.raises(ExpressionError) as raised:
        compile_condition(source)
    assert raised.value.message.startswith(message)
    assert (raised.value.column, raised.value.hint) == (column, hint)


def test_timeline_steps_have_no_event() -> None:
    with pytest.raises(ExpressionError, match="a step is about time"):
        compile_condition("event.type == 'deadline.met'", has_event=False)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("commitment.due_at < '2026'", "`<` not supported between instances of `nothing` and `str`"),
        ("100 / commitment.progress > 2", "division by zero"),
        ("event.data.by == 'ana'", "has no attribute `by`"),
    ],
)
def test_failure_at_run_time_is_told_in_words(source: str, words: str) -> None:
    condition = compile_condition(source, checked=False)
    with pytest.raises(ConditionFailed) as raised:
        condition({**view(due_at=None), "event": {"type": "", "data": {}}})
    assert words in str(raised.value)


def test_view_that_is_not_plain_data_fails_in_words() -> None:
    with pytest.raises(ConditionFailed, match="not plain data"):
        compile_condition("commitment.kind")({"commitment": {"kind": object()}})


def test_pinned_condition_with_a_name_that_is_gone_compiles_and_fails_in_words() -> None:
    condition = compile_condition("commitment.colour == 'red'", checked=False)
    with pytest.raises(ConditionFailed, match="has no attribute `colour`"):
        condition(SAMPLE)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return (
        [_shape(value[0])]
        if isinstance(value, list) and value and isinstance(value[0], dict)
        else type(value)
    )


@pytest.mark.parametrize(
    ("source", "amount", "holds"),
    [
        ("deal.amount >= 50000", "50000.00", True),
        ("deal.amount >= 50000", "49999.99", False),
        ("deal.amount >= 0.3", "0.3", True),  # exact: no tier is missed by a float's last digit
        ("deal.amount * 2 == commitment.amount + 100", "100", True),
        ("deal.amount > 0", "", False),  # none known is 0, not a mistake of the author
        ("deal.currency == 'EUR' and 'leo' in deal.helpers", "1", True),
    ],
)
def test_amount_of_a_deal_is_a_number(source: str, amount: str, holds: bool) -> None:
    state = Commitment("open", "t", "ana", deal=Deal(amount, "EUR", helpers=["leo"]))
    seen = expression_view(facts("deal/1", state, Moment()), Directory({}, {}, {}), None)

    assert compile_condition(source, family="deal")(seen) is holds


@pytest.mark.parametrize("family", sorted(SAMPLES))
def test_sample_has_the_shape_of_the_view(family: str) -> None:
    graph = Directory(
        {"ana": Person("ana", "dana", teams=("east",), roles=("rep",))}, {"east": Team("east", "dana")}, {}
    )
    told = [Told("ana", "p", "s", 1, AT, after=False)]
    state = Commitment("met", "t", "ana", "east", opened_at=AT, closed_at=AT, told=told)
    if family == "deal":
        moments = {name: Moment(AT) for name in ("close", "next_step", "last_activity")}
        state.deal, state.moments = Deal("1", helpers=["leo"]), moments
    if family == "checkin":
        report = Report("p", "n", ["r"], 3, ["w"])
        state.checkin = CheckIn(
            "weekly", period="2026-W47", outcome="submitted", grace_at=AT, submitted_at=AT, report=report
        )
    if family == "goal":
        state.goal = Goal("revenue", "100", "EUR", "50.5", "2026-10-01", "why", reached=[50])
    event = Event(
        id="1",
        source="s",
        type="deadline.met",
        time=AT,
        received_at=AT,
        topic="deadlines",
        subject="deadline/c1",
        data=None,
    )
    known = expression_view(facts(f"{family}/c1", state, Moment(AT)), graph, event)

    assert _shape({**known, "event": 0}) == _shape({**SAMPLES[family], "event": 0})
    assert known.keys() == SAMPLES[family].keys()


@pytest.mark.parametrize("family", sorted(SAMPLES))
def test_sample_event_has_every_field_of_every_event(family: str) -> None:
    fields = {
        name
        for type_, event in EVENTS.items()
        if type_ not in INTERNAL and event.data and event.family in (family, "")
        for name in event.data.__struct_fields__
    }
    assert SAMPLES[family]["event"]["data"].keys() == fields
