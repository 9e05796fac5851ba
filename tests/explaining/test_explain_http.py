"""/v1/explain: the same facts and sentences for programs, a page for readers, and a refusal that helps."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from service.web.app import make_app
from tests.explaining.world import DAY, LADDER, Company
from tests.web.pages_world import serving


@pytest.fixture
async def web(company: Company) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(make_app(company.deps())) as url, aiohttp.ClientSession(url) as client:
        yield client


async def get(web: aiohttp.ClientSession, path: str, **params: str) -> tuple[int, Any]:
    async with web.get(path, params=params) as response:
        return response.status, await response.json(content_type=None)


async def test_programs_get_the_facts_and_the_sentences(company: Company, web: aiohttp.ClientSession) -> None:
    await company.promise()
    await company.until(company.at + 3 * DAY)
    [key] = await company.keys("ana")

    status, found = await get(web, f"/v1/explain/{key}")

    assert status == 200
    assert found == (await company.asking.about_notification(key)).as_dict() | {
        "sentences": found["sentences"]
    }
    assert (found["to"], found["subject"], found["title"]) == ("ana", "deadline/c1", "Send the proposal")
    assert found["because"] == {"input": "timer", "id": "2026-04-28T15:00:00+00:00"}
    assert found["policy"]["step"] == "heads-up"
    assert found["policy"]["file"] == f"policies/{LADDER}.yaml"
    assert found["time"]["at"] == found["decided_at"] == "2026-04-28T15:00:00.000Z"
    assert found["deliveries"] == [
        {"at": "2026-04-28T15:00:00.000Z", "code": "sent", "text": "sent by email, attempt 1"}
    ]
    assert found["next"]["to"] == ["ana"]
    assert [one["about"] for one in found["sentences"]] == [
        "event",
        "policy",
        "time",
        "person",
        "delivery",
        "next",
    ]


async def test_programs_learn_why_somebody_was_not_told(company: Company, web: aiohttp.ClientSession) -> None:
    await company.promise()

    status, found = await get(
        web, "/v1/explain", person="ana", subject="deadline/c1", at="2026-04-27T08:00:00Z"
    )

    assert status == 200
    assert (found["person"], found["subject"], found["was_told"]) == ("ana", "deadline/c1", False)
    assert found["reasons"][0]["code"] == "not_due"
    assert found["reasons"][0]["at"] == "2026-04-28T15:00:00.000Z"


async def test_what_is_not_there_is_a_problem_with_the_nearest_help(
    company: Company, web: aiohttp.ClientSession
) -> None:
    await company.promise()

    assert await get(web, "/v1/explain", person="anna", subject="c1") == (
        404,
        {"error": "not_found", "detail": "there is no person 'anna'; did you mean 'ana'?", "status": 404},
    )
    status, found = await get(web, "/v1/explain", person="ana", subject="deadline/c2")
    assert (status, found["hint"]) == (404, "did you mean 'deadline/c1'?")
    status, found = await get(web, "/v1/explain/unknown")
    assert (status, found["detail"]) == (404, "no notification 'unknown' is on record")
    assert (await get(web, "/v1/explain", person="ana", subject="c1", at="2026-04-27T08:00:00"))[0] == 422
    assert (await get(web, "/v1/explain", person="ana"))[0] == 422
    status, found = await get(web, "/v1/explain", person="ana", subject="c1", at="yesterday")
    assert (status, found["error"]) == (422, "invalid_value")
    assert found["detail"].startswith(
        "at is not an instant; write it with its offset, as in 2026-05-01T17:00:00Z"
    )


async def test_the_page_says_it_to_a_reader_and_escapes_what_others_wrote(
    company: Company, web: aiohttp.ClientSession
) -> None:
    await company.promise(title="<b>Proposal</b>")
    await company.until(company.at + 3 * DAY)
    [key] = await company.keys("ana")

    async with web.get(f"/explain/{key}", params={"subject": "deadline/c1"}) as response:
        text = await response.text()
    async with web.get("/explain/nothing") as missing:
        assert missing.status == 404

    assert response.status == 200
    assert "<h1>Why did Ana Ruiz get this?</h1>" in text
    assert "&lt;b&gt;Proposal&lt;/b&gt;" in text
    assert "leaving out Sat, Sun and Fri 2026-05-01 (Labor Day)" in text


async def test_both_are_documented_with_what_they_take(web: aiohttp.ClientSession) -> None:
    (_, document), (_, text) = await asyncio.gather(get(web, "/openapi.json"), _text(web, "/docs"))

    one, many = (
        document["paths"]["/v1/explain/{notification_id}"]["get"],
        document["paths"]["/v1/explain"]["get"],
    )
    assert (one["summary"], many["summary"]) == ("Why somebody was told", "Why somebody was not told")
    assert {p["name"]: p["required"] for p in many["parameters"]} == {
        "person": True,
        "subject": True,
        "at": False,
    }
    assert "/v1/explain/{notification_id}" in text


async def _text(web: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with web.get(path) as response:
        return response.status, await response.text()
