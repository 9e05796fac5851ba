"""The bytes of a mail, read back with the standard library's parser: any text goes in, the same text comes out."""

import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from hypothesis import example, given
from hypothesis import strategies as st

from service.channels.mime import Sender, assemble, header_text, thread_id
from service.core.message import Message
from service.settings.text import one_line
from tests.channels.samples import ANA, MESSAGE, SENDER, owed

TEXT = st.text(max_size=300)
WORDS = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=90), max_size=12
)


def parsed(mail: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.SMTP).parsebytes(mail)
    assert isinstance(message, EmailMessage)
    return message


def mail_with(message: Message = MESSAGE, sender: Sender = SENDER) -> bytes:
    return assemble(owed(), message, sender, ANA)


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_payload(decode=True).decode()  # type: ignore[union-attr]


def crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text.encode(errors="replace").decode())


@given(subject=TEXT, text=TEXT, html=TEXT, name=TEXT)
@example(
    subject="a\r\nBcc: eve@example.net", text=".\r\n.\r\nQUIT", html="<p>\n.\n", name='A" <eve@example.net>'
)
@example(subject="=?utf-8?B?Qg==?=", text="", html="", name="=?utf-8?B?Qg==?=")
@example(subject="Ü" * 200, text="\u2028", html="\ud800", name="Ä, Ö; (Ü)")
@example(subject="x" * 500, text="--=_", html="--=_", name="x" * 500)
def test_any_text_survives_and_nothing_becomes_a_header(
    subject: str, text: str, html: str, name: str
) -> None:
    mail = mail_with(Message(subject, "", text, html), Sender(name, SENDER.address))
    message = parsed(mail)

    assert list(message.keys()) == [
        "Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
        "X-Auto-Response-Suppress", "X-Followthrough-Template", "X-Followthrough-Subject", "MIME-Version",
        "Content-Type",
    ]  # fmt: skip
    assert message["Subject"] == one_line(subject)
    assert body(message, "plain") == crlf(text)
    assert body(message, "html") == crlf(html)
    (address,) = message["From"].addresses
    assert address.addr_spec == SENDER.address
    assert one_line(name).startswith(address.display_name)
    assert len(address.display_name) >= min(len(one_line(name)), 9)
    assert not message.defects
    assert not [defect for part in message.walk() for defect in part.defects]


@given(subject=TEXT, text=TEXT, name=TEXT)
def test_any_mail_is_what_every_server_accepts(subject: str, text: str, name: str) -> None:
    mail = mail_with(Message(subject, "", text, text), Sender(name, SENDER.address))

    assert mail.isascii()
    lines = mail.split(b"\r\n")
    assert not [line for line in lines if b"\r" in line or b"\n" in line or line.startswith(b".")]
    assert max(map(len, lines)) <= 998
    assert mail.endswith(b"--\r\n")


@given(WORDS)
def test_a_header_is_folded_within_76_characters_unless_one_word_is_longer(words: list[str]) -> None:
    line = " ".join(words)

    first, *others = header_text(line, len("Subject: ")).split("\r\n")

    assert len("Subject: ") + len(first) <= 76
    assert all(len(other) <= 77 for other in others)
    assert all(other.startswith(" ") and other.strip() for other in others)


@given(TEXT, TEXT)
def test_equal_arguments_give_equal_bytes_and_the_attempt_is_no_argument(subject: str, text: str) -> None:
    message = Message(subject, "", text, text)

    assert assemble(owed(attempt=0), message, SENDER, ANA) == assemble(owed(attempt=7), message, SENDER, ANA)


def test_everything_about_one_commitment_is_one_thread_over_all_cycles() -> None:
    first, second = (parsed(assemble(owed(cycle=n, key=f"{n}" * 32), MESSAGE, SENDER, ANA)) for n in (1, 2))
    other = parsed(assemble(owed(subject="deadline/c2"), MESSAGE, SENDER, ANA))

    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] == second["References"] == f"<{thread_id('deadline/c1')}@example.com>"
    assert other["References"] != first["References"]


@given(template=TEXT, subject=TEXT)
@example(template="x\r\nBcc: eve@example.net", subject="deadline/c1\r\n\r\nbody")
def test_names_from_events_and_policies_cannot_add_a_header(template: str, subject: str) -> None:
    mail = assemble(owed(template=template, subject=subject), MESSAGE, SENDER, ANA)

    headers = mail.partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [line.partition(b":")[0] for line in headers if not line.startswith(b" ")]
    assert len(names) == 13
    assert b"Bcc" not in names
    assert parsed(mail)["Subject"] == MESSAGE.subject


def test_a_plain_subject_stays_readable_in_the_raw_mail() -> None:
    assert b"Subject: Send the offer: missed yesterday\r\n" in mail_with()


def test_invisible_and_turning_characters_do_not_reach_a_header() -> None:
    spoofed = Message("Pay\u202egpj.exe\u200b now\u0007", "", "", "")

    assert parsed(mail_with(spoofed))["Subject"] == "Paygpj.exe now"
