"""No request reaches a private address unless it was opened, whatever it is written as, whatever a name says later."""

import socket
from collections.abc import Callable

import pytest

from service.channels.contract import ChannelError
from service.channels.http import Http, Refused
from service.settings.net_address import refusal
from service.settings.web_address import BadUrl, WebAddress, normalise
from tests.channels.hooks import http_to
from tests.channels.vendor import Vendor, tls_client

# Names that anybody may set up, and what they answer.
NAMES = {
    "localhost": ["::1", "127.0.0.1"],
    "LOCALHOST": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "10.0.0.5.sslip.io": ["10.0.0.5"],
    "localtest.me": ["::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "both.example.com": ["93.184.215.14", "10.0.0.5"],
    "zone.example.com": ["fe80::1%eth0"],
    "mapped.example.com": ["::ffff:10.0.0.5"],
    "nat64.example.com": ["64:ff9b::a00:5"],
    "printer.local": ["192.168.1.7"],
    "xn--mnchen-3ya.example": ["10.0.0.5"],
}
FORMS = [
    # loopback, and its disguises
    *("127.0.0.1", "127.0.0.53", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1"),
    *("0177.0.0.1", "017700000001", "0x7F.0x0.0x0.0x1", "127.0.0.01", "127.0.0.1.", "localhost.", "[::1]"),
    *("[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0::ffff:127.0.0.1]"),
    # this host, private, shared, benchmarking, documentation, reserved
    *("0.0.0.0", "0", "0.1.2.3", "[::]", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255"),
    *("192.168.0.1", "0xa.0.0.1", "167772161", "10.1", "100.64.0.1", "100.127.255.254", "198.18.0.1"),
    *("192.0.0.8", "192.0.2.1", "198.51.100.7", "203.0.113.7", "192.88.99.1", "240.0.0.1", "255.255.255.255"),
    # link-local, metadata
    *("169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "168.63.129.16"),
    *("100.100.100.200", "192.0.0.192", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[fd00:ec2::254]"),
    *("[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]"),
    # multicast, unique local, site local, discard, SRv6, documentation, 6bone
    *("224.0.0.1", "239.255.255.250", "[ff02::1]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[100::1]"),
    *("[5f00::1]", "[2001:db8::1]", "[3fff::1]", "[3ffe::1]"),
    # IPv4 inside IPv6
    *("[2002:7f00:1::]", "[2002:a00:1::1]", "[2001:0:a00:1::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]"),
    *("[::ffff:0:127.0.0.1]", "[2600::5efe:10.0.0.1]", "[::10.0.0.1]"),
    # what one reads and another dials
    *("hooks.slack.com@127.0.0.1", "127.0.0.1\\@hooks.slack.com", "127.0.0.1#@hooks.slack.com", "a:b@10.0.0.1"),
    *("127.0.0.1%00.example.com", "127.0.0.1%2f.example.com", "127.0.0.1%09", "127.0.0.1 .example.com"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "ⓛocalhost", "127.0.0.1\t", "[::1", "[127.0.0.1]"),
    *("127.0.0.1:443:80", "127..0.0.1", "xn--127-0.0.0.1", "[::ffff:127.1]", "0x", "1.1.1.1.1", "4294967297"),
    *NAMES,
]  # fmt: skip


class Watched(Http):
    """Answers for names itself, and keeps what it was about to dial."""

    names: Callable[[str], list[str]] = staticmethod(lambda host: NAMES[host])

    def look_up(self, host: str, port: int) -> list[str]:
        self.asked = [*getattr(self, "asked", []), host]
        return type(self).names(host)

    def dial(self, info: object) -> socket.socket:
        made = super().dial(info)  # type: ignore[arg-type]
        self.dialled = [*getattr(self, "dialled", []), info[4][0]]  # type: ignore[index]
        return made


async def refused(url: str, opened: tuple[object, ...] = ()) -> str:
    """Why a request there is refused, before anything is dialled."""
    try:
        to = normalise(url)
    except BadUrl as error:
        return str(error)
    http = Watched(to, opened, connections=1, post_s_max=5, tls=tls_client())  # type: ignore[arg-type]
    try:
        with pytest.raises(ChannelError) as caught:
            await http.post(b"{}", {})
    finally:
        await http.close()
    assert not getattr(http, "dialled", []), http.dialled
    assert caught.value.permanent
    return caught.value.text


def test_at_least_sixty_forms_are_tried() -> None:
    assert len(set(FORMS)) >= 60


@pytest.mark.parametrize("form", FORMS)
async def test_a_private_address_is_refused_in_every_form(form: str) -> None:
    assert await refused(f"https://{form}/hook")


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_a_public_address_is_called(address: str) -> None:
    assert refusal(address) == ""


@pytest.mark.parametrize(
    "form",
    ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "100.100.100.200",
     "[2002:a9fe:a9fe::1]", "metadata.google.internal", "168.63.129.16", "[fe80::a9fe:a9fe]"],
)  # fmt: skip
async def test_metadata_is_refused_even_where_everything_is_opened(form: str) -> None:
    from ipaddress import ip_network

    said = await refused(f"https://{form}/", (ip_network("0.0.0.0/0"), ip_network("::/0")))

    assert "never" in said


async def test_a_range_that_is_opened_is_called_and_its_neighbour_is_not() -> None:
    from ipaddress import ip_network

    opened = (ip_network("10.1.0.0/16"),)

    assert refusal("10.1.2.3", opened) == refusal("::ffff:10.1.2.3", opened) == ""
    assert refusal("10.2.0.1", opened) == "is private"
    # A gateway's form of an opened address is another address.
    assert refusal("64:ff9b::a01:203", opened) == "is private"
    assert "hooks" not in await refused("https://10.0.0.5.sslip.io/hooks", opened)


async def test_a_name_that_answers_otherwise_the_second_time_is_dialled_only_where_it_was_checked() -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.5"]]

    class Rebinding(Watched):
        names = staticmethod(lambda host: answers.pop(0))

    async with Vendor() as vendor:
        http = http_to(vendor.url(), using=Rebinding)
        assert (await http.post(b"{}", {})).status == 200
        for _ in range(2):
            with pytest.raises(ChannelError) as caught:
                await http.post(b"{}", {})
            assert caught.value.permanent
            assert not caught.value.is_unknown
        await http.close()

    # One question a connection: what was checked is what was dialled.
    assert http.asked == ["localhost"] * 3  # type: ignore[attr-defined]
    assert http.dialled == ["127.0.0.1"]  # type: ignore[attr-defined]
    assert len(vendor.requests) == 1


async def test_the_last_gate_refuses_what_came_by_another_way() -> None:
    http = Http(normalise("https://hooks.example.com/"), connections=1)

    with pytest.raises(Refused):
        http.dial((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 443)))

    http.dial((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))).close()
    await http.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.com/", "without encryption"),
        ("https://hooks.example.com:25/", "port 25"),
        ("https://hooks.example.com:6379/", "port 6379"),
    ],
)
async def test_a_public_address_is_called_encrypted_and_on_the_web_s_ports_only(url: str, said: str) -> None:
    class Public(Watched):
        names = staticmethod(lambda host: ["93.184.215.14"])

    http = Public(normalise(url), connections=1)
    with pytest.raises(ChannelError, match=said):
        await http.post(b"{}", {})
    await http.close()

    assert not hasattr(http, "dialled")


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        (
            "HTTPS://Hooks.Slack.COM:443/services/T0/B0/x",
            WebAddress(
                "https://hooks.slack.com/services/T0/B0/x", "https", "hooks.slack.com", 443
            ),
        ),
        ("http://10.1.2.3:8080", WebAddress("http://10.1.2.3:8080/", "http", "10.1.2.3", 8080)),
        (
            "https://[2606:4700::1]/a?sig=%2Fx",
            WebAddress("https://[2606:4700::1]/a?sig=%2Fx", "https", "2606:4700::1", 443),
        ),
        (
            "https://münchen.example/",
            WebAddress("https://xn--mnchen-3ya.example/", "https", "xn--mnchen-3ya.example", 443),
        ),
    ],
)  # fmt: skip
def test_a_good_url_is_written_one_way(url: str, plain: WebAddress) -> None:
    assert normalise(url) == plain
