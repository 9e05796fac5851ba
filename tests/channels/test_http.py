"""One request: what each end of it amounts to, and what is never done for an answer."""

import asyncio
import ssl
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from service.channels.contract import ChannelError
from service.channels.http import ANSWER_BYTES_MAX, Http
from service.settings.web_address import normalise
from tests.channels.hooks import channel_to, http_to
from tests.channels.samples import MESSAGE, owed
from tests.channels.vendor import DROP, HANG, Reply, Vendor


async def failure(http: Http) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await http.post(b"{}", {})
    return caught.value


async def verdict(status: int, headers: dict[str, str] | None = None) -> ChannelError:
    """What a channel makes of this answer."""
    async with Vendor() as vendor:
        vendor.on_request = [Reply(status, headers or {})]
        channel = channel_to("slack_webhook", vendor.url("/hook"))
        with pytest.raises(ChannelError) as caught:
            await channel.send(owed(), MESSAGE, "")
        await channel.close()
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_a_redirect_is_a_refusal_and_nobody_is_followed(status: int) -> None:
    async with Vendor() as there, Vendor() as here:
        here.on_request = [Reply(status, {"Location": there.url("/stolen")})]
        channel = channel_to("slack_webhook", here.url("/hook"))
        with pytest.raises(ChannelError) as caught:
            await channel.send(owed(), MESSAGE, "")
        await channel.close()

    assert (caught.value.permanent, caught.value.bounced) == (True, False)
    assert (len(here.requests), there.connections) == (1, 0)


@pytest.mark.parametrize(
    ("status", "permanent", "bounced", "is_outage"),
    [
        (400, True, False, False),
        (401, True, False, False),
        (403, True, False, False),
        (404, True, True, False),
        (408, False, False, False),
        (410, True, True, False),
        (413, True, False, False),
        (425, False, False, False),
        (429, False, False, False),
        (500, False, False, True),
        (502, False, False, True),
        (503, False, False, True),
        (504, False, False, True),
    ],
)
async def test_what_a_status_means(status: int, permanent: bool, bounced: bool, is_outage: bool) -> None:
    error = await verdict(status)

    assert (error.permanent, error.bounced, error.is_outage) == (permanent, bounced, is_outage)
    assert not error.is_unknown
    assert error.text.startswith(f"the server said {status}")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_a_delivery(status: int) -> None:
    async with Vendor() as vendor:
        vendor.on_request = [Reply(status)]
        channel = channel_to("slack_webhook", vendor.url())
        await channel.send(owed(), MESSAGE, "")
        await channel.close()


def stamp(**later: int) -> str:
    return format_datetime(datetime(2026, 11, 24, 12, tzinfo=UTC) + timedelta(**later), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": stamp(seconds=90), "Date": stamp()}, 90),
        ({"Retry-After": stamp(), "Date": stamp(hours=1)}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "Thu, 31 Dec 99999 23:59:59 GMT"}, None),
        ({}, None),
    ],
)  # fmt: skip
async def test_a_wish_to_come_later_is_seconds_or_a_date_by_the_vendor_s_own_clock(
    headers: dict[str, str], expected: float | None
) -> None:
    assert (await verdict(429, headers)).retry_after_s == expected
    assert (await verdict(503, headers)).retry_after_s == expected


async def test_a_date_without_the_vendor_s_clock_is_compared_with_ours() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)

    error = await verdict(429, {"Retry-After": in_a_minute})

    assert error.retry_after_s is not None
    assert 60 < error.retry_after_s <= 120


async def test_an_endless_answer_is_left_after_its_beginning_and_its_status_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.channels.http.ANSWER_S_MAX", 5)
    async with Vendor() as vendor:
        vendor.on_request = [Reply(200, endless=True)]
        http = http_to(vendor.url())

        answer = await http.post(b"{}", {})

        await http.close()
    assert answer.status == 200
    assert len(answer.body) == ANSWER_BYTES_MAX
    # What lies between is in the buffers of two sockets.
    assert vendor.endless_bytes < 16 << 20


async def test_an_answer_that_drips_does_not_hold_the_status_up() -> None:
    async with Vendor() as vendor:
        vendor.on_request = [Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx"), HANG]
        http = http_to(vendor.url(), post_s_max=20)

        assert (await http.post(b"{}", {})).status == 200

        await http.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_an_outage_with_an_unknown_outcome(raw: bytes) -> None:
    async with Vendor() as vendor:
        vendor.on_request = [Reply(raw=raw)]
        http = http_to(vendor.url("/s3cret?sig=s3cret"))

        error = await failure(http)

        await http.close()
    assert (error.permanent, error.is_unknown, error.is_outage) == (False, True, True)
    assert "s3cret" not in "".join(traceback.format_exception(error))


async def test_a_zipped_answer_is_never_unpacked() -> None:
    async with Vendor() as vendor:
        vendor.on_request = [Reply(200, {"Content-Encoding": "gzip"}, b"no gzip at all")]
        http = http_to(vendor.url())

        assert (await http.post(b"{}", {})).body == b"no gzip at all"

        await http.close()


async def test_a_cookie_is_not_kept_and_a_proxy_of_the_environment_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Vendor() as vendor:
        vendor.judge = lambda _request: Reply(200, {"Set-Cookie": "a=b; Path=/"})
        http = http_to(vendor.url())

        await http.post(b"{}", {})
        await http.post(b"{}", {})

        await http.close()
    assert [("cookie" in request.headers) for request in vendor.requests] == [False, False]


async def test_a_request_that_hangs_before_or_after_it_was_handed_over_ends_in_time() -> None:
    async with Vendor() as vendor:
        http = http_to(vendor.url(), post_s_max=0.5)
        vendor.on_connection = [HANG]
        before = await failure(http)
        vendor.on_request = [HANG]
        after = await failure(http)
        vendor.on_request = [DROP]
        cut = await failure(http)
        await http.close()

    assert [before.is_unknown, after.is_unknown, cut.is_unknown] == [False, True, True]
    assert before.text == "the server did not answer in time"
    assert {before.is_outage, after.is_outage, cut.is_outage} == {True}


class AtLoopback(Http):
    def look_up(self, host: str, port: int) -> list[str]:
        return ["127.0.0.1"]


async def test_a_certificate_that_is_not_trusted_or_for_another_host_gets_no_request() -> None:
    async with Vendor() as vendor:
        distrusting = http_to(vendor.url(), tls=ssl.create_default_context())
        misnamed = http_to(vendor.url().replace("localhost", "other.example"), using=AtLoopback)
        errors = [await failure(distrusting), await failure(misnamed)]
        for http in (distrusting, misnamed):
            with pytest.raises(ChannelError, match="certificate"):
                await http.probe()
            await http.close()

    assert vendor.requests == []
    for error in errors:
        assert "certificate" in error.text
        assert (error.is_unknown, error.is_outage) == (False, True)


async def test_nobody_listening_and_no_such_name_are_outages() -> None:
    async with Vendor() as vendor:
        http = http_to(vendor.url())
    nobody = await failure(http)
    await http.close()
    nowhere = Http(normalise("https://nowhere.invalid/secret-path"), connections=1)
    unknown = await failure(nowhere)
    await nowhere.close()

    assert nobody.text == "the server cannot be reached"
    assert unknown.text == "the name of the server cannot be resolved"
    for error in (nobody, unknown):
        assert (error.permanent, error.is_unknown, error.is_outage) == (False, False, True)


async def test_the_query_is_sent_as_it_was_written() -> None:
    path = "/a%2Fb/triggers?sp=%2Ftriggers%2Fmanual%2Frun&sig=a%7Eb_-%2B"
    async with Vendor() as vendor:
        http = http_to(vendor.url(path))

        await http.post(b"{}", {})

        await http.close()
    assert vendor.requests[0].path == path
    assert vendor.requests[0].headers["host"] == f"localhost:{vendor.port}"


async def test_plain_http_is_spoken_where_its_range_is_opened() -> None:
    async with Vendor(tls=False) as vendor:
        http = http_to(vendor.url())

        assert (await http.post(b"{}", {})).status == 200
        assert await http.probe() == "answers, not encrypted; nothing was sent"

        await http.close()


async def test_a_probe_sends_nothing() -> None:
    async with Vendor() as vendor:
        http = http_to(vendor.url("/secret"))

        assert await http.probe() == "answers, encrypted; nothing was sent"

        await http.close()
    assert vendor.requests == []


async def test_many_at_once_share_few_connections() -> None:
    async with Vendor() as vendor:
        http = http_to(vendor.url())

        await asyncio.gather(*[http.post(b"{}", {}) for _ in range(20)])

        await http.close()
    assert len(vendor.requests) == 20


def test_without_a_url_nobody_waits_for_the_http_client_to_be_imported() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import sys, service.channels; print('aiohttp' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "False\n"
