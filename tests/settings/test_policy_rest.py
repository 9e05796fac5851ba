"""What is left of a policy that is wrong in part: always something to check, or nothing, and never a failure."""

import copy
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.settings.check import check
from service.settings.document import Document
from service.settings.load import SHIPPED_TEMPLATES, load
from service.settings.policy_checks import Surroundings, check_policy
from service.settings.policy_model import PolicyModel
from service.settings.policy_rest import rest_of
from service.settings.problems import Report
from service.settings.yaml_reader import read as read_file

ROOT = Path(__file__).parents[2]
WHOLE: Any = read_file(
    ROOT / "tests" / "messages" / "policies" / "every-clause.yaml", "whole.yaml", Report()
).data
AROUND = Surroundings(load(ROOT / "config", {}).graph, {"email", "wins"}, SHIPPED_TEMPLATES)

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [found for key, one in inner for found in [(*path, key), *places(one, (*path, key))]]


@given(st.data())
def test_a_policy_with_anything_anywhere_is_checked_as_far_as_it_can_be(data: st.DataObject) -> None:
    changed = copy.deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, key = data.draw(st.sampled_from(places(changed)))
        here = changed
        for part in parents:
            here = here[part]
        here[key] = data.draw(JUNK)

    document = Document("whole.yaml", changed, Report())
    read = check(document, PolicyModel)
    rest = rest_of(document)

    assert read is not None or document.report.errors
    assert rest is None or isinstance(rest, PolicyModel)
    if rest is not None:
        check_policy(document, rest, AROUND)


def test_what_is_right_is_left_as_it_is() -> None:
    assert rest_of(Document("whole.yaml", WHOLE, Report())) == PolicyModel.model_validate(WHOLE)
