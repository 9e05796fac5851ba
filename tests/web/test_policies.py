"""The pages of the policies: everyone may read what will happen, in words and as a picture."""

import dataclasses
import html
import re
import xml.etree.ElementTree as ET

import aiohttp
import pytest

from service.core.policy import PolicyBook
from service.settings.policies import compile_policy, pin
from service.settings.policy_model import PolicyModel
from tests.web.pages_world import PagesWorld


async def read(web: aiohttp.ClientSession, path: str) -> str:
    async with web.get(path) as response:
        assert response.status == 200
        return html.unescape(re.sub(r"<[^>]+>", "", await response.text()))


def adopt(world: PagesWorld, **says: object) -> None:
    """The policy in force beside the shipped ones, as after a reload."""
    content_hash, pinned = pin(PolicyModel.model_validate({"policy": "own", "for": "deadline", **says}))
    policy, settings = compile_policy(pinned, content_hash), world.settings
    world.settings = dataclasses.replace(
        settings,
        policies=PolicyBook((*settings.policies.live, policy), settings.policies.by_hash),
        pinned_policies={**settings.pinned_policies, content_hash: pinned},
    )


async def test_every_policy_is_listed_with_what_it_is_about_and_how_much_it_does(world, web):
    adopt(world, title="Ours", mode="shadow")

    text = await read(web, "/policies")

    assert re.search(r"Deadlines\s+For deadlines: 6 steps around the deadline, 2 reactions\.", text)
    assert re.search(r"Deals won\s+For deals: 2 reactions\.", text)
    assert re.search(r"Ours\s+For deadlines: nothing\.\s+tried out, nothing is sent", text)


async def test_a_policy_is_read_in_sentences_with_its_conditions_as_written(web):
    text = await read(web, "/policies/deadline-follow-through")

    assert "heads-up Three business days before the deadline the owner is reminded." in text
    assert "unless commitment.progress >= 90." in text
    assert "Written in policies/deadline-follow-through.yaml" in text


async def test_a_title_and_a_condition_of_somebody_cannot_write_markup(world, web):
    adopt(world, title="<script>alert(1)</script>", when="commitment.title == '<b>`'")

    for path in ("/policies", "/policies/own", "/policies/own/wide.svg"):
        async with web.get(path) as response:
            body = await response.text()
        assert "<script>alert" not in body
        assert "<b>" not in body
    assert ET.fromstring(body) is not None


@pytest.mark.parametrize("width", ["wide", "narrow"])
async def test_its_ladder_is_a_picture_that_runs_nothing(web, width):
    async with web.get(f"/policies/deadline-follow-through/{width}.svg") as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
        drawn = ET.fromstring(await response.text())
    assert not drawn.findall(".//{*}script")
    assert [found.text for found in drawn.findall("{*}title")] == ["Deadlines: who is told when"]


@pytest.mark.parametrize(
    "path", ["/policies/nobody", "/policies/nobody/wide.svg", "/policies/first-day/huge.svg"]
)
async def test_what_is_not_there_is_not_found(web, path):
    async with web.get(path) as response:
        assert response.status == 404
