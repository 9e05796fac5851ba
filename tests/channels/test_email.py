"""What the e-mail channel says, to whom, over which connection; and what each answer means."""

import asyncio
import ssl
from email import policy
from email.parser import BytesParser

import pytest

from service.channels import CHANNELS
from service.channels.contract import ChannelError
from service.channels.email import EmailChannel
from service.channels.mime import Sender
from service.channels.smtp import Server
from service.settings.channels import KINDS
from service.settings.channels import EmailChannel as EmailSettings
from tests.channels.samples import ANA, MESSAGE, SENDER, owed
from tests.channels.sink import CERTIFICATE, DROP, HANG, Reply, Sink


def channel_to(sink: Sink, **changes: object) -> EmailChannel:
    return EmailChannel(Server("127.0.0.1", sink.port), SENDER, **{"send_s_max": 5.0, **changes})  # type: ignore[arg-type]


def with_password(sink: Sink, *, implicit: bool = False, trusted: bool = True) -> EmailChannel:
    context = ssl.create_default_context(cafile=str(CERTIFICATE) if trusted else None)
    server = Server("localhost", sink.port, implicit, "ft-user", "s3cret", context)
    return EmailChannel(server, SENDER, send_s_max=5)


async def failure(channel: EmailChannel, address: str = ANA) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(owed(), MESSAGE, address)
    return caught.value


async def test_a_mail_says_who_what_and_that_a_machine_wrote_it() -> None:
    async with Sink() as sink:
        channel = channel_to(sink)
        await channel.send(owed(), MESSAGE, ANA)
        await channel.close()

    (mail,) = sink.mails
    parsed = BytesParser(policy=policy.SMTP).parsebytes(mail.body)
    assert (mail.sender, mail.to) == ("ft@example.com", ANA)
    assert (parsed["To"], parsed["From"]) == (ANA, "Followthrough <ft@example.com>")
    assert parsed["Message-ID"] == f"<{owed().key}@example.com>"
    assert parsed["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["In-Reply-To"] == parsed["References"]
    text, html = parsed.iter_parts()
    assert [part.get_content_type() for part in (text, html)] == ["text/plain", "text/html"]
    assert parsed.get_body(("plain",)).get_content().splitlines() == MESSAGE.text.splitlines()  # type: ignore[union-attr]


async def test_a_hundred_mails_need_no_more_connections_than_allowed() -> None:
    async with Sink() as sink:
        channel = channel_to(sink, connections=3)
        await asyncio.gather(*[channel.send(owed(), MESSAGE, ANA) for _ in range(100)])
        await channel.close()

    assert len(sink.mails) == 100
    assert sink.connections <= 3


async def test_a_connection_the_server_closed_meanwhile_is_replaced_unnoticed() -> None:
    async with Sink() as sink:
        channel = channel_to(sink, connections=1)
        await channel.send(owed(), MESSAGE, ANA)
        sink.hang_up()
        await channel.send(owed(), MESSAGE, ANA)
        await channel.close()

    assert len(sink.mails) == sink.connections == 2


async def test_a_server_that_is_tired_of_a_connection_gets_a_new_one_at_once() -> None:
    async with Sink() as sink:
        channel = channel_to(sink, connections=1)
        await channel.send(owed(), MESSAGE, ANA)
        sink.on["MAIL"] = [Reply("421 4.7.0 too many messages in this connection")]
        await channel.send(owed(), MESSAGE, ANA)
        await channel.close()

    assert len(sink.mails) == sink.connections == 2


async def test_a_mail_that_was_handed_over_is_never_sent_again_by_the_channel_itself() -> None:
    async with Sink() as sink:
        channel = channel_to(sink, connections=1)
        await channel.send(owed(), MESSAGE, ANA)
        sink.on["BODY"] = [DROP]
        error = await failure(channel)
        await channel.close()

    assert error.is_unknown
    assert sink.accepted == 2


async def test_f16_a_server_that_never_says_250_is_given_up_and_the_next_copy_is_equal() -> None:
    async with Sink() as sink:
        channel = channel_to(sink, send_s_max=0.2)
        sink.on["BODY"] = [HANG]
        assert (await failure(channel)).is_unknown
        await channel.send(owed(attempt=1), MESSAGE, ANA)
        await channel.close()

    first, second = sink.mails
    assert first.body == second.body


@pytest.mark.parametrize("step", ["BANNER", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_f16_a_server_that_hangs_before_the_mail_is_an_outage_with_a_known_outcome(step: str) -> None:
    async with Sink() as sink:
        channel = channel_to(sink, send_s_max=0.2)
        sink.on[step] = [HANG]
        error = await failure(channel)
        await channel.close()

    assert (error.is_unknown, error.is_outage, error.permanent) == (False, True, False)
    assert error.text == "the server did not answer in time"


@pytest.mark.parametrize(
    ("step", "answer", "permanent", "bounced", "outage"),
    [
        ("MAIL", "451 4.3.0 later", False, False, False),
        ("RCPT", "450 4.2.0 greylisted", False, False, False),
        ("RCPT", "452 4.2.2 mailbox full", False, False, False),
        ("BODY", "451 4.3.0 later", False, False, False),
        ("RCPT", "421 4.3.2 shutting down", False, False, True),
        ("BANNER", "421 busy", False, False, True),
        ("BANNER", "554 no service", False, False, True),
        ("EHLO", "502 what", False, False, True),
        ("RCPT", "550 no such user", True, True, False),
        ("RCPT", "550 5.1.1 no such user", True, True, False),
        ("RCPT", "551 5.1.6 moved", True, True, False),
        ("RCPT", "553 mailbox name not allowed", True, True, False),
        ("RCPT", "550 5.7.1 relaying denied", True, False, False),
        ("RCPT", "552 5.2.2 mailbox full", True, False, False),
        ("MAIL", "550 5.7.1 sender not allowed", True, False, False),
        ("DATA", "554 5.5.1 no valid recipients", True, False, False),
        ("BODY", "550 5.7.1 spam", True, False, False),
        ("BODY", "552 5.3.4 too big", True, False, False),
    ],
)
async def test_f17_what_an_answer_means(
    step: str, answer: str, permanent: bool, bounced: bool, outage: bool
) -> None:
    async with Sink() as sink:
        channel = channel_to(sink)
        sink.on[step] = [Reply(answer)]
        error = await failure(channel)
        await channel.close()

    assert (error.permanent, error.bounced, error.is_outage) == (permanent, bounced, outage)
    assert not error.is_unknown
    assert sink.mails == []


async def test_nobody_listening_is_an_outage() -> None:
    async with Sink() as sink:
        pass

    error = await failure(channel_to(sink))

    assert (error.is_outage, error.permanent, error.text) == (True, False, "the server cannot be reached")


async def test_a_password_is_said_only_after_the_connection_is_encrypted() -> None:
    async with Sink(tls=True, auth=True) as sink:
        channel = with_password(sink)
        await channel.send(owed(), MESSAGE, ANA)
        await channel.close()

    assert [(mail.is_encrypted, mail.user) for mail in sink.mails] == [(True, "ft-user")]


async def test_a_server_without_encryption_never_hears_the_password() -> None:
    async with Sink(tls=False, auth=True) as sink:
        channel = with_password(sink)
        error = await failure(channel)
        await channel.close()

    assert error.is_outage
    assert "AUTH" not in sink.seen


async def test_tls_from_the_start_works_as_well() -> None:
    async with Sink(auth=True, is_implicit_tls=True) as sink:
        channel = with_password(sink, implicit=True)
        await channel.send(owed(), MESSAGE, ANA)
        await channel.close()

    assert [mail.is_encrypted for mail in sink.mails] == [True]


async def test_a_certificate_nobody_vouches_for_is_not_given_a_password() -> None:
    async with Sink(tls=True, auth=True) as sink:
        channel = with_password(sink, trusted=False)
        error = await failure(channel)
        await channel.close()

    assert (error.is_outage, error.permanent) == (True, False)
    assert error.text == "the server's certificate or encryption was not accepted"
    assert "AUTH" not in sink.seen


async def test_without_a_password_encryption_is_used_when_the_server_offers_it() -> None:
    async with Sink(tls=True) as sink:
        channel = channel_to(sink)
        await channel.send(owed(), MESSAGE, ANA)
        await channel.close()

    assert [mail.is_encrypted for mail in sink.mails] == [True]


async def test_a_wrong_password_is_tried_again_until_somebody_mends_it() -> None:
    async with Sink(tls=True, auth=True) as sink:
        channel = with_password(sink)
        sink.on["AUTH"] = [Reply("535 5.7.8 bad credentials ft-user")]
        error = await failure(channel)
        await channel.close()

    assert (error.permanent, error.is_outage) == (False, True)
    assert "ft-user" not in error.text
    assert "535" in error.text


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "ana@example.org, eve@example.org",
        "ana@example.org]eve@example.net",
        "ana@example.org\r\nRCPT TO:<eve@example.net>",
        "Ana <ana@example.org>",
        '"ana eve"@example.org',
        "-oQ/tmp@example.org",
        "ana＠example.org",
        "ána@example.org",
        "ana@localhost",
        "a" * 65 + "@example.org",
        "ana@" + "a" * 250 + ".org",
        "ana@example.org\x00",
        "ana@exam ple.org",
    ],
)
async def test_what_is_not_exactly_one_address_is_refused_before_anything_is_dialled(address: str) -> None:
    async with Sink() as sink:
        error = await failure(channel_to(sink), address)

    assert error.permanent
    assert not error.bounced
    assert sink.connections == 0


async def test_a_domain_in_any_script_is_written_as_dns_knows_it() -> None:
    async with Sink() as sink:
        channel = channel_to(sink)
        await channel.send(owed(), MESSAGE, "ana@bücher.example")
        await channel.close()

    (mail,) = sink.mails
    assert mail.to == "ana@xn--bcher-kva.example"
    assert b"To: ana@xn--bcher-kva.example\r\n" in mail.body


async def test_mail_goes_only_to_the_domains_it_may_go_to() -> None:
    async with Sink() as sink:
        channel = channel_to(sink, domains=("Example.org",))
        await channel.send(owed(), MESSAGE, "ana@EXAMPLE.org")
        error = await failure(channel, "ana@example.net")
        await channel.close()

    assert error.permanent
    assert len(sink.mails) == 1


async def test_the_channel_is_made_from_channels_yaml() -> None:
    settings = EmailSettings.model_validate(
        {
            "kind": "email",
            "smtp": "smtps://us%40er:p%3Aw@mail.example.com",
            "from": "Follow <ft@example.com>",
            "domains": ["example.org"],
        }
    )

    channel = CHANNELS["email"]("email", settings, None)  # type: ignore[arg-type]

    assert isinstance(channel, EmailChannel)
    assert channel._server == Server("mail.example.com", 465, True, "us@er", "p:w")
    assert channel._sender == Sender("Follow", "ft@example.com")
    assert channel._domains == {"example.org"}


def test_every_kind_of_channels_yaml_has_its_channel() -> None:
    assert set(CHANNELS) == set(KINDS)
