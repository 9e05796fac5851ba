"""The page of caught messages: what is kept, as it would look, live, and harmless whatever the mail holds."""

import asyncio
import json
from datetime import timedelta

import aiohttp
import pytest

from service.messages.templates import Templates
from service.web.caught import LABELS
from tests.web.pages_world import get

FIELDS = ["at", "to", "channel", "template", "policy", "step", "subject", "reason", "key", "title", "text"]
FIELDS += ["html", "links"]


def test_every_template_that_is_shipped_has_a_name_for_people():
    assert LABELS.keys() == Templates.load().hashes.keys()


async def test_programs_get_exactly_the_fields_of_the_contract_oldest_first(world, web):
    await world.catch(title="first", links=[{"name": "done", "label": "Done", "url": "http://x/a/t?do=done"}])
    await world.catch(title="second")

    async with web.get("/v1/caught") as response:
        found = await response.json()

    assert [message["title"] for message in found] == ["first", "second"]
    assert [list(message) for message in found] == [FIELDS, FIELDS]
    assert found[0]["links"] == [{"name": "done", "label": "Done", "url": "http://x/a/t?do=done"}]
    assert found[0]["at"].endswith("Z")


async def test_programs_can_ask_for_one_recipient_and_from_an_instant_on(world, web):
    await world.catch(to="ana", title="old")
    world.at += timedelta(hours=1)
    since = world.at.isoformat()
    await world.catch(to="ana", title="new")
    await world.catch(to="dana", title="hers")

    async def titles(**params: str) -> list[str]:
        async with web.get("/v1/caught", params=params) as response:
            return [message["title"] for message in await response.json()]

    assert await titles(to="ana") == ["old", "new"]
    assert await titles(since=since) == ["new", "hers"]
    assert await titles(to="ana", since=since) == ["new"]


@pytest.mark.parametrize("since", ["2026-11-24T09:00:00", "yesterday"])
async def test_an_instant_that_nobody_can_place_is_refused(web, since):
    async with web.get("/v1/caught", params={"since": since}) as response:
        assert response.status == 422
        assert "since" in await response.text()


async def test_the_list_is_newest_first_and_names_people(world, web):
    await world.catch(title="first", to="ana")
    await world.catch(title="second", to="channel:wins")

    status, text = await get(web, "/caught")

    assert status == 200
    assert text.index("second") < text.index("first")
    assert "Ana Ruiz" in text
    assert ">wins<" in text


async def test_the_list_can_be_narrowed_to_one_recipient(world, web):
    await world.catch(title="for ana", to="ana")
    await world.catch(title="for dana", to="dana")

    _, text = await get(web, "/caught?to=dana")

    assert "for dana" in text
    assert "for ana<" not in text


async def test_with_nothing_caught_the_page_says_what_to_type(web):
    _, text = await get(web, "/caught")

    assert "Nothing caught yet" in text
    assert ".venv/bin/followthrough emit examples/first-day.jsonl" in text


async def test_a_message_can_be_read_in_every_view(world, web):
    url = "http://127.0.0.1/a/token?do=done"
    links = [{"name": "done", "label": "I did it", "url": url}]
    id_ = await world.catch(links=links, urgency="high", reasons=["step x of Deadlines: 3 days before"])

    assert f'src="/caught/{id_}/html"' in (await get(web, f"/caught/{id_}"))[1]
    text = (await get(web, f"/caught/{id_}?view=text"))[1]
    assert "it is due tomorrow" in text
    assert f'href="{url}"' in text
    why = (await get(web, f"/caught/{id_}?view=why"))[1]
    assert "Ana Ruiz got this message because of" in why
    assert "3 days before" in why
    assert "0123456789abcdef0123456789abcdef" in why
    assert "Urgency" in (await get(web, f"/caught/{id_}?view=details"))[1]


async def test_a_message_that_is_no_longer_kept_is_said(web):
    status, text = await get(web, "/caught/1-1")

    assert status == 404
    assert "No longer kept" in text


async def test_a_messages_markup_lives_alone_in_a_sandbox(world, web):
    id_ = await world.catch(
        html="<html><head><title>x</title></head><body>hi<script>1</script></body></html>"
    )

    async with web.get(f"/caught/{id_}/html") as response:
        policy, text = response.headers["Content-Security-Policy"], await response.text()

    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert '<head><base target="_blank">' in text
    page = (await get(web, f"/caught/{id_}"))[1]
    assert "<script>1" not in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox' in page


async def test_hostile_titles_and_links_are_text(world, web):
    links = [{"name": "x", "label": "<i>", "url": "javascript:alert(1)"}]
    id_ = await world.catch(title="<img src=x onerror=alert(1)>", text="</pre><script>", links=links)

    for view in ("html", "text", "why", "details"):
        _, text = await get(web, f"/caught/{id_}?view={view}")
        assert "<img" not in text
        assert "</pre><script>" not in text
        assert "javascript:" not in text


async def test_what_another_version_wrote_is_passed_over(world, web):
    await world.store.catch(b"\x93not json")
    await world.catch(title="readable")

    status, text = await get(web, "/caught")

    assert status == 200
    assert "readable" in text


async def test_the_stream_brings_what_is_caught_from_then_on(world, web):
    old = await world.catch(title="old")

    async with web.get("/caught/stream", params={"after": old, "to": "ana"}) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        await world.catch(title="not for her", to="dana")
        new = await world.catch(title="new", to="ana")
        event = await asyncio.wait_for(next_event(response), 5)

    assert event["id"] == new
    assert event["event"] == "caught"
    row = json.loads(event["data"])
    assert (row["title"], row["to"], row["url"]) == ("new", "Ana Ruiz", f"/caught/{new}?to=ana")


async def test_a_browser_that_comes_back_gets_what_it_missed(world, web):
    first = await world.catch(title="first")
    await world.catch(title="missed")

    async with web.get("/caught/stream?after=0", headers={"Last-Event-ID": first}) as response:
        event = await asyncio.wait_for(next_event(response), 5)

    assert json.loads(event["data"])["title"] == "missed"


@pytest.mark.parametrize("path", ["/caught", "/caught/1-1"])
async def test_a_store_that_is_away_is_said(world, web, path):
    world.store.is_down = True

    status, text = await get(web, path)

    assert status == 503
    assert "The store cannot be reached" in text


async def next_event(response: aiohttp.ClientResponse) -> dict[str, str]:
    event: dict[str, str] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if not line and event:
            return event
        name, _, value = line.partition(": ")
        if name:
            event[name] = value
    raise AssertionError("the stream ended")
