"""Rendering is a pure function; a broken template costs its words, never the notification."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from service.core.effects import Owed
from service.core.message import Reader
from service.messages import samples
from service.messages.links import Links
from service.messages.render import render, render_plain
from service.messages.templates import Templates, UnknownTemplate
from tests.messages import hostile
from tests.messages.conftest import Render
from tests.messages.test_goldens import SHIPPED
from tests.messages.test_hostile import harmless


@pytest.mark.parametrize("template", SHIPPED)
def test_equal_input_makes_equal_bytes(template: str, links: Links) -> None:
    # given two processes that loaded the same templates, and a later attempt of the same notification
    first, second = Templates.load(), Templates.load()
    owed, reader = samples.usual(template)
    owed = msgspec.structs.replace(owed, template_hash=first.hashes[template])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(owed), type=Owed)
    retry = msgspec.structs.replace(again, attempt=3)
    # when
    messages = [
        msgspec.msgpack.encode(render(entry, reader, samples.name_of, templates, links))
        for templates in (first, second)
        for entry in (owed, retry)
    ]
    # then
    assert len(set(messages)) == 1


def test_the_decision_is_the_only_clock(rendered: Render) -> None:
    owed = samples.owed("reminder")
    later = msgspec.structs.replace(owed, decided_at=owed.decided_at + timedelta(days=2))
    assert "Due in 3 days" in rendered(owed, samples.ANA).text
    assert "Due tomorrow" in rendered(later, samples.ANA).text


@pytest.mark.parametrize(
    ("template", "reader", "expected"),
    [
        ("reminder", samples.ANA, ["done", "new_date", "help"]),
        ("missed", samples.ANA, ["done", "acknowledge", "new_date", "help", "snooze"]),
        ("offer_help", samples.ANA, ["help", "acknowledge", "new_date", "done"]),
        ("escalated", samples.ANA, ["acknowledge", "done"]),
        ("reminder", samples.DANA, ["open"]),
        ("missed", samples.DANA, ["acknowledge", "open"]),
        ("offer_help", samples.DANA, ["acknowledge", "open"]),
        ("escalated", samples.DANA, ["acknowledge", "open"]),
        ("escalated", samples.WINS, ["open"]),
        ("resolved", samples.ANA, ["open"]),
    ],
)
def test_buttons_are_those_that_the_reader_can_answer_with(
    template: str, reader: Reader, expected: list[str], rendered: Render, links: Links
) -> None:
    message = rendered(samples.owed(template, reader.id), reader)
    assert [action.name for action in message.actions] == expected
    lines = message.text.splitlines()
    for action in message.actions:
        assert action.url in lines, "links stand on lines of their own"
        token = action.url.removeprefix("https://ft.example.com/a/").partition("?")[0]
        assert list(links.read(token).actions) == expected


def test_a_closed_commitment_asks_for_nothing(rendered: Render) -> None:
    message = rendered(samples.owed("missed", facts={"status": "met"}), samples.ANA)
    assert [action.name for action in message.actions] == ["open"]


def test_times_are_in_the_readers_zone_and_it_is_named(rendered: Render) -> None:
    assert "Fri 27 Nov, 17:00 (Europe/Madrid)" in rendered(samples.owed("reminder"), samples.ANA).text
    assert "Fri 27 Nov, 11:00 (America/New York)" in rendered(samples.owed("reminder"), samples.DANA).text


def test_names_stand_for_ids_everywhere(rendered: Render) -> None:
    message = rendered(*samples.usual("escalated"))
    assert "Ana Ruiz" in message.subject
    assert "Leo Brandt was told that it was missed" in message.text
    assert not any(f" {id_} " in message.text for id_ in samples.NAMES)


def test_the_reader_learns_why_and_what_comes_next(rendered: Render) -> None:
    text = rendered(*samples.usual("missed")).text
    assert "Why you get this:\nIt is yours.\nStep missed of Deadlines: the moment.\n" in text
    assert "without an answer, Dana Cole hears of it on Wed 25 Nov, 17:00 (Europe/Madrid)" in text


@pytest.mark.parametrize(
    ("told_next", "said"),
    [
        (["ana"], "you hear of it on"),
        (["dana"], "Dana Cole hears of it on"),
        (["dana", "ana"], "you and Dana Cole hear of it on"),
        (["dana", "leo", "ana"], "you, Dana Cole and Leo Brandt hear of it on"),
        ([], "the next person hears of it on"),
    ],
)
def test_who_hears_next_is_said_as_people_say_it(rendered: Render, told_next: list[str], said: str) -> None:
    coming = {"at": "2026-11-25T16:00:00Z", "to": told_next}
    message = rendered(samples.owed("missed", extra={"next": coming}), samples.ANA)
    assert f"without an answer, {said} Wed 25 Nov, 17:00 (Europe/Madrid)" in message.text


def test_a_public_celebration_does_not_count_slips(rendered: Render) -> None:
    message = rendered(*samples.usual("kept"))
    assert "Moved" not in message.text
    assert "3 days before it was due" in message.text


@pytest.mark.parametrize(
    ("extra", "to", "said"),
    [
        (
            {"from": "2026-11-24T12:00:00Z", "to": "2026-11-27T16:00:00Z", "by": "leo"},
            "dana",
            "The date has moved from Tue",
        ),
        ({"from": "2026-11-30T12:00:00Z", "to": "2026-11-27T16:00:00Z"}, "ana", "It is earlier than before"),
        ({"from_owner": "leo", "to_owner": "ana"}, "ana", "This is yours now; Leo Brandt had it before."),
        ({"from_owner": "ana", "to_owner": "leo"}, "ana", "Leo Brandt has this now."),
        ({"reason": ""}, "dana", "The date is now Fri 27 Nov"),
    ],
)
def test_replanned_tells_a_move_from_a_hand_over(
    extra: dict[str, object], to: str, said: str, rendered: Render
) -> None:
    reader = samples.ANA if to == "ana" else samples.DANA
    assert said in rendered(samples.owed("replanned", to, extra=extra), reader).text


def test_resolved_takes_back_what_was_wrong(rendered: Render) -> None:
    facts = {"status": "met", "on_time": True, "closed_at": "2026-11-24T10:00:00Z"}
    owed = samples.owed("resolved", "dana", facts=facts, kind="retraction", extra={"by": "ana", "how": "met"})
    message = rendered(owed, samples.DANA)
    assert message.subject.startswith("It was done in time")
    assert "Sorry for the noise" in message.text


def test_the_preheader_is_hidden_and_short(rendered: Render) -> None:
    message = rendered(*samples.usual("missed"))
    shown = message.html.split('class="preheader"', 1)[1].split("</div>", 1)[0]
    assert "display: none" in shown
    assert 40 <= len(shown.partition(">")[2].split("\u2007")[0]) <= 90


def test_an_author_may_use_markdown_around_values(tmp_path: Path, links: Links) -> None:
    # given
    body = (
        "## Hello **{{ owner }}**\n\n1. one {{ title }}\n2. *two*\n\n"
        "[Open]({{ url }}) and [find](https://x.example/{{ owner }})\n\n"
        "{% for one in told %}\n- {{ one.name }}\n{% endfor %}\n\n`{{ step }}`\n\n---\n\n<b>no</b> <https://y.example>\n"
    )
    source = (
        "{% block subject %}{{ title | e }}{% endblock %}{% block short %}s{% endblock %}{% block body %}"
        + body
    )
    (tmp_path / "mine.md.j2").write_text(source + "{% endblock %}")
    templates = Templates.load(overrides=tmp_path)
    owed = samples.owed("mine", facts={"title": "a & [b](c)"}, template_hash=templates.hashes["mine"])
    # when
    message = render(owed, samples.DANA, samples.name_of, templates, links)
    # then
    assert message.subject == "a & [b](c)"
    assert "<strong>Ana Ruiz</strong></h2>" in message.html
    assert "a &amp; [b](c)</li>" in message.html
    assert 'href="https://crm.example.com/deals/42"' in message.html
    assert 'href="https://x.example/Ana%20Ruiz"' in message.html
    assert "&lt;b&gt;no&lt;/b&gt;" in message.html
    assert "Hello Ana Ruiz\n\n1. one a & [b](c)\n2. two\n" in message.text
    assert "\nhttps://crm.example.com/deals/42\nhttps://x.example/Ana Ruiz\n" in message.text


# -- a template that breaks -----------------------------------------------------------------------------------------
BOMB = (
    "{% if slips > 7 %}{% for a in description | list %}{% for b in description | list %}"
    "{{ b }}{% endfor %}{% endfor %}{% endif %}"
)
BREAKS = "{% if slips > 7 %}{{ title + 1 }}{% endif %}"


def broken(tmp_path: Path, body: str = BREAKS) -> Templates:
    """Templates in which `missed` breaks on facts that no sample has."""
    source = "{% block subject %}s{% endblock %}{% block short %}s{% endblock %}{% block body %}x " + body
    (tmp_path / "missed.md.j2").write_text(source + "{% endblock %}")
    return Templates.load(overrides=tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        BREAKS,
        "{% if slips > 7 %}{{ nobody_knows }}{% endif %}",
        BOMB,
    ],
)
def test_a_broken_template_never_swallows_a_notification(tmp_path: Path, links: Links, body: str) -> None:
    # given
    templates = broken(tmp_path, body)
    facts = {"slips": 8, "title": "Send <b>it</b>\r\nBcc: x", "description": "d" * 500}
    owed = samples.owed("missed", facts=facts, template_hash=templates.hashes["missed"])
    told: list[str] = []
    # when
    message = render(
        owed, samples.ANA, samples.name_of, templates, links, lambda _, error: told.append(str(error))
    )
    # then
    assert message.is_fallback
    assert told, "the author is told"
    assert message.subject == "Was due Fri 27 Nov, 17:00: Send <b>it</b> Bcc: x"
    assert "Owner: Ana Ruiz" in message.text
    assert "Due: Fri 27 Nov, 17:00 (Europe/Madrid), in 3 days" in message.text
    assert all(action.url in message.text.splitlines() for action in message.actions)
    assert "Step" not in message.html
    assert "step missed of Deadlines" in message.text
    harmless(message)


def test_the_log_names_the_broken_template_and_no_personal_words(tmp_path: Path, links: Links) -> None:
    templates = broken(tmp_path)
    facts = {"slips": 8, "title": "Secret merger"}
    owed = samples.owed("missed", facts=facts, template_hash=templates.hashes["missed"])
    with capture_logs() as lines:
        render(owed, samples.ANA, samples.name_of, templates, links)
    assert [(line["event"], line["template"]) for line in lines] == [("template_broke", "missed")]
    assert "Secret merger" not in str(lines)


def test_a_version_that_is_not_loaded_is_asked_for_and_not_replaced(
    templates: Templates, links: Links
) -> None:
    owed = samples.owed("missed", template_hash="0000000000000000")
    with pytest.raises(UnknownTemplate, match="missed 0000000000000000 is not loaded"):
        render(owed, samples.ANA, samples.name_of, templates, links)
    assert render_plain(owed, samples.ANA, samples.name_of, links).is_fallback


def _lost(**more: object) -> Owed:
    why = "email: the server said 550 to RCPT: no such user"
    extra = {
        "reader": "dana",
        "channel": "email",
        "template": "escalated",
        "step": "ladder.manager",
        "why": why,
    }
    return samples.owed("unroutable", "omar", extra={**extra, **more}, reasons=(why,))


def test_a_lost_notification_says_whom_it_was_for_what_it_was_and_why(rendered: Render) -> None:
    message = rendered(_lost(), Reader("omar", "Omar Haddad"))

    assert message.subject == "Dana Cole could not be told: Send the Contoso proposal"
    assert "Dana Cole was to get an escalation about this by email, and could not be told." in message.text
    assert "> email: the server said 550 to RCPT: no such user" in message.text
    assert "the step was ladder.manager" in message.text
    assert "tell Dana Cole, then look at the address and the channels of Dana Cole" in message.text


def test_what_was_lost_in_a_day_is_one_message_that_names_it(rendered: Render) -> None:
    titles = ["Send the offer", hostile.TITLE]
    message = rendered(_lost(count=30, titles=titles), Reader("omar", "Omar Haddad"))

    assert "30 more messages for Dana Cole could not be given by email" in message.text
    assert "- Send the offer" in message.text
    harmless(message)
