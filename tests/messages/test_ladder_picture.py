"""The picture of a ladder: the same for the same policy, legible, inside its paper, and for every reader."""

import os
import xml.etree.ElementTree as ET

import pytest

from service.messages.ladder_picture import NARROW, WIDE, picture
from service.settings.policy_model import PolicyModel
from tests.messages.test_policy_words import GOLDEN, POLICIES, written

LETTER = 7.3


def drawn(name: str, width: int = WIDE) -> ET.Element:
    return ET.fromstring(picture(written(name), width=width))


@pytest.mark.parametrize("name", ["deadline-follow-through", "every-clause"])
def test_picture_is_as_reviewed_golden(name: str) -> None:
    golden = GOLDEN / f"{name}.svg"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(picture(written(name)), "utf-8")
    assert golden.read_text("utf-8") == picture(written(name)), (
        f"{golden.name} differs; UPDATE_GOLDEN=1 rewrites it"
    )


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", POLICIES)
def test_nothing_leaves_the_paper(name: str, width: int) -> None:
    root = drawn(name, width)
    _, _, _, height = (float(number) for number in root.attrib["viewBox"].split())
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        words, x = text.text or "", float(text.attrib["x"])
        reach = len(words) * LETTER
        start = x - reach if text.get("text-anchor") == "end" else x
        if text.get("text-anchor") == "middle":
            start = x - reach / 2
        assert start >= 0, words
        assert start + reach <= width, words
        assert 0 < float(text.attrib["y"]) < height, words


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", POLICIES)
def test_the_moments_line_runs_through_no_words(name: str, width: int) -> None:
    root, middle = drawn(name, width), width / 2
    dashed = [
        (float(line.attrib["y1"]), float(line.attrib["y2"]))
        for line in root.iter("{http://www.w3.org/2000/svg}line")
        if line.attrib["x1"] == line.attrib["x2"] == f"{middle:g}"
    ]
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        x, row, reach = float(text.attrib["x"]), float(text.attrib["y"]), len(text.text or "") * LETTER
        first, last = (x - reach, x) if text.get("text-anchor") == "end" else (x, x + reach)
        if "over" in text.get("class", "") and first < middle < last:
            assert all(end <= row - 10 or begin >= row for begin, end in dashed), text.text
    assert all(begin < end for begin, end in dashed)


def test_the_moment_is_in_the_middle_and_time_goes_to_the_right() -> None:
    root = drawn("deadline-follow-through")
    marks = [mark for mark in root.iter() if mark.find("{*}title") is not None and mark is not root]
    xs = [float(mark.get("cx") or mark.attrib["d"].split()[0].lstrip("M")) for mark in marks]

    assert xs == sorted(xs)
    assert xs[2] == WIDE / 2


def test_every_rung_says_who_is_told_and_its_sentence_is_its_title() -> None:
    root = drawn("deadline-follow-through")
    titles = [found.text for found in root.iterfind(".//{*}title")]
    texts = " ".join(text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text"))

    assert "Three business days before the deadline the owner is reminded." in titles
    assert "The owner and the owner's mentor are offered help" in texts
    assert "“I'm on it” holds this" in texts
    assert root.get("role") == "img"
    assert {root.find("{*}title").get("id"), root.find("{*}desc").get("id")} == {"title", "about"}  # type: ignore[union-attr]


def test_rounds_are_rings_behind_their_step_and_many_are_cut_short() -> None:
    says = {"id": "a", "at": "1 day after", "notify": "owner", "repeat": {"every": "1 day", "times": 40}}
    model = PolicyModel.model_validate({"policy": "p", "for": "deadline", "steps": [says]})

    rings = [c for c in ET.fromstring(picture(model)).iterfind(".//{*}circle") if c.get("class") == "paper"]

    assert len(rings) == 12


def test_a_policy_without_steps_is_its_reactions() -> None:
    root = drawn("deal-wins")
    assert root.find(".//{*}line") is None
    assert "When the deal is won" in "".join(root.itertext())
