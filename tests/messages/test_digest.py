"""A digest as its reader gets it: whole, however full it is, and with a link for each answer whatever breaks."""

from datetime import UTC, datetime

from msgspec.structs import replace

from service.core.effects import encode_effect
from service.core.waiting import KEPT_MAX
from service.messages import samples
from service.messages.compiled import HTML_BYTES_MAX
from service.messages.digest import NAMED_MAX
from service.messages.links import Links
from service.messages.render import render_plain
from tests.messages.conftest import Render


def test_a_digest_of_all_that_an_inbox_keeps_is_not_cut(rendered: Render) -> None:
    """Long titles, long ids, every button: else its reader would get the plain text instead."""
    usual = samples.usual("missed").owed
    facts = {**usual.facts, "title": "A title as long as they come. " * 10}
    parts = [replace(usual, subject=f"deadline/{n:0>60}", facts=facts) for n in range(KEPT_MAX)]
    digest = samples.owed("digest", parts=tuple(map(encode_effect, parts)), extra={"more": 12})

    message = rendered(digest, samples.ANA)

    assert not message.is_fallback
    assert len(message.html.encode()) < HTML_BYTES_MAX
    assert f"And {KEPT_MAX - NAMED_MAX + 12} more" in message.text
    assert message.text.count("Another answer\n") == NAMED_MAX
    assert len(message.actions) == NAMED_MAX * 5


def test_a_digest_whose_template_is_lost_still_has_every_link(links: Links) -> None:
    digest = samples.usual("digest").owed

    message = render_plain(digest, samples.ANA, samples.name_of, links)

    assert message.is_fallback
    assert message.text.count("/a/") == len(message.actions) > len(digest.parts)
    assert "Done: Send the Contoso proposal" in message.text


def test_a_digest_of_which_only_a_number_is_left_says_so(rendered: Render) -> None:
    digest = samples.owed("digest", extra={"more": 3}, facts={"title": "a, b, c and 3 more"})

    message = rendered(digest, samples.ANA)

    assert "And 3 more" in message.text
    assert "Owner" not in message.text
    assert message.actions == ()


def test_what_has_waited_announces_no_next_step_that_came_meanwhile(rendered: Render) -> None:
    missed = samples.usual("missed").owed
    coming = {"next": {"at": "2026-11-24T16:00:00Z", "to": ["dana"]}}
    early = replace(missed, extra=coming, decided_at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    late = replace(early, decided_at=datetime(2026, 11, 24, 16, 0, tzinfo=UTC))

    assert "What happens next" in rendered(early, samples.ANA).text
    assert "What happens next" not in rendered(late, samples.ANA).text
