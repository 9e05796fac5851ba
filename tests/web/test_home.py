"""The first page, and that nothing on any page leads nowhere."""

import html
import re
import shlex
from urllib.parse import urlsplit

import aiohttp
import pytest


async def text_of(web: aiohttp.ClientSession, path: str) -> str:
    async with web.get(path) as response:
        assert response.status == 200
        return await response.text()


async def test_the_first_page_says_what_it_is_and_that_it_is_well(world, web):
    await world.catch()

    text = await text_of(web, "/")

    assert "Running. 6 people in the directory." in text
    assert "1 message that stayed on this machine" in text


async def test_the_first_page_says_what_is_wrong(world, web):
    world.store.is_down = True

    assert "The store cannot be reached" in await text_of(web, "/")


@pytest.mark.parametrize("path", ["/", "/caught", "/docs", "/policies", "/policies/deadline-follow-through"])
async def test_no_link_of_ours_leads_nowhere(world, web, path):
    id_ = await world.catch()
    found = set(re.findall(r'(?:href|src|srcset)="(/[^"]*)"', await text_of(web, path)))

    assert found
    for address in found | {f"/caught/{id_}"}:
        async with web.get(address.replace("&amp;", "&")) as response:
            assert response.status == 200, address


async def test_an_address_that_leads_nowhere_is_a_page_to_a_person_and_a_problem_to_a_program(web):
    async with web.get("/nope", headers={"Accept": "text/html,*/*;q=0.8"}) as response:
        assert (response.status, response.content_type) == (404, "text/html")
        assert 'href="/"' in await response.text()
    async with web.get("/nope") as response:
        assert (response.status, (await response.json())["error"]) == (404, "not_found")


async def test_the_api_page_shows_a_call_that_is_taken(world, web):
    [shown] = re.findall(r'aria-label="Example"><code>(.*?)</code>', await text_of(web, "/docs"), re.DOTALL)
    arguments = shlex.split(html.unescape(shown).replace("\\\n", " "))
    headers = dict([arguments[arguments.index("-H") + 1].split(": ")])
    body, path = arguments[arguments.index("-d") + 1], urlsplit(arguments[-1]).path

    async with web.post(path, data=body, headers=headers) as response:
        assert response.status == 202, await response.text()


async def test_the_api_page_names_every_operation(web):
    text = await text_of(web, "/docs")

    async with web.get("/openapi.json") as response:
        document = await response.json()
    for path in document["paths"]:
        assert path in text


async def test_static_files_are_kept_for_ever_under_the_name_of_their_content(web):
    address = re.search(r'href="(/static/[^"]+\.css)"', await text_of(web, "/"))
    assert address is not None

    async with web.get(address[1], headers={"Range": "bytes=0-1"}) as response:
        assert response.status == 200
        assert "immutable" in response.headers["Cache-Control"]
    async with web.get(re.sub(r"/static/\w+/", "/static/0000/", address[1])) as response:
        assert response.status == 404
    async with web.get("/static/x/..%2f..%2fapp.py") as response:
        assert response.status == 404
