"""Links: only what we signed, for this purpose, within its time; keys rotate without a dead link."""

import stat
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from service.messages import samples
from service.messages.links import EXPIRES_AFTER, BadLink, Links, load_or_make_keys

OLD, NEW = "an old key of tests, long enough!", "a new key of tests, long enough!!"
OWED = samples.owed("missed")


def token_of(url: str) -> str:
    return url.removeprefix("https://ft.example.com/a/").partition("?")[0]


@pytest.fixture
def links() -> Links:
    return Links([NEW, OLD], "https://ft.example.com")


def test_a_link_says_what_was_put_into_it(links: Links) -> None:
    url = links.make(OWED, "done")
    assert url.endswith("?do=done")
    said = links.read(token_of(url), samples.NOW)
    assert (said.notification, said.person, said.subject, said.as_of) == (OWED.key, "ana", "deadline/c1", 1)
    assert said.actions == ("done",)
    assert said.decided_at == samples.NOW
    assert said.expires_at == samples.NOW + timedelta(days=14)
    assert said.expires_at.tzinfo is UTC


def test_as_of_is_the_cycle_in_which_something_changed_last(links: Links) -> None:
    owed = samples.owed("missed", cycle=7, facts={"changed": 3})
    assert links.read(links.token(owed, ["done"])).as_of == 3


def test_a_link_ends_with_its_time_by_the_readers_clock(links: Links) -> None:
    token = links.token(OWED, ["done"])
    ends_at = samples.NOW + EXPIRES_AFTER
    assert links.read(token, ends_at - timedelta(milliseconds=1))
    with pytest.raises(BadLink):
        links.read(token, ends_at)
    assert links.read(token).expires_at == ends_at


def test_an_older_key_still_verifies_and_the_newest_signs(links: Links) -> None:
    by_old = Links([OLD], "https://ft.example.com").token(OWED, ["done"])
    assert links.read(by_old).person == "ana"
    with pytest.raises(BadLink):
        Links([OLD], "https://ft.example.com").read(links.token(OWED, ["done"]))


def test_whatever_is_wrong_the_text_is_the_same(links: Links) -> None:
    token = links.token(OWED, ["done"])
    other_purpose = URLSafeSerializer(NEW, salt="unsubscribe.v1").dumps({"p": "ana"})
    wrong_shape = links._serializers[0][1].dumps({"p": "ana"})
    texts = set()
    for bad in (
        "",
        "x",
        token[:-1],
        token + "A",
        token.replace(".", ""),
        other_purpose,
        wrong_shape,
        "é",
        "A" * 9000,
    ):
        with pytest.raises(BadLink) as caught:
            links.read(bad)
        texts.add(str(caught.value))
    with pytest.raises(BadLink) as caught:
        links.read(token, samples.NOW + timedelta(days=99))
    assert len(texts | {str(caught.value)}) == 1


@given(st.data())
def test_no_changed_byte_is_accepted(data: st.DataObject) -> None:
    links = Links([NEW], "https://ft.example.com")
    token = links.token(OWED, ["done"])
    place = data.draw(st.integers(0, len(token) - 2))  # the last character carries two unused bits
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != token[place]))
    with pytest.raises(BadLink):
        links.read(token[:place] + other + token[place + 1 :])


@given(st.text(max_size=300))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    with pytest.raises(BadLink):
        Links([NEW], "https://ft.example.com").read(text)


def test_short_or_missing_keys_are_refused() -> None:
    for keys in ([], ["short"], [NEW, ""]):
        with pytest.raises(ValueError, match="at least"):
            Links(keys, "https://ft.example.com")


def test_keys_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "data" / "signing.keys"
    made = load_or_make_keys(path)
    assert load_or_make_keys(path) == made
    assert len(made) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert Links(made, "https://ft.example.com").token(OWED, ["done"])


def test_two_processes_that_start_together_agree_on_the_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a process that looked before the other had made the file, and links after
    path = tmp_path / "signing.keys"
    theirs = load_or_make_keys(path)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    # when it makes its own
    mine = load_or_make_keys(path)
    # then the first one stands
    assert mine == theirs
    assert list(tmp_path.iterdir()) == [path]
