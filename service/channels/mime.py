"""One message as the bytes of an e-mail, put together by hand: a skeleton, headers folded, two base64 parts.

The standard library's EmailMessage makes 400 a second, this some ten thousand (measured 2026-11); a property test reads
every message back with the standard library's parser. Pure: the same arguments give the same bytes, so that every
attempt of one notification is byte for byte the same mail.
"""

import base64
import hashlib
import re
from email.utils import format_datetime
from typing import NamedTuple

from service.core.effects import Owed
from service.core.message import Message
from service.settings.text import one_line

# RFC 5322 section 2.1.1 recommends 78 characters a line; RFC 2047 section 2 allows 76 where an encoded word stands.
LINE_CHARS = 76
# 39 bytes are 52 in base64 and 64 with `=?utf-8?B?…?=`: fits behind "Subject: " on the first line as well.
WORD_BYTES = 39
# Longer display names are cut: no mail program shows more.
NAME_CHARS_MAX = 60
# RFC 5322 atoms and blanks: a display name of these needs no quotes.
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")

_SKELETON = (
    "Date: {date}\r\n"
    "From: {sender}\r\n"
    "To: {to}\r\n"
    "Subject: {subject}\r\n"
    "Message-ID: <{key}@{host}>\r\n"
    # One thread a commitment: its root is an id that no mail has, which mail programs accept as a lost first mail.
    "In-Reply-To: <{thread}@{host}>\r\n"
    "References: <{thread}@{host}>\r\n"
    # RFC 3834: no holiday reply, please; Exchange wants to be told in its own words ([MS-OXCMAIL] 2.2.3.2.14).
    "Auto-Submitted: auto-generated\r\n"
    "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
    # For a reader's own filters: which text it is, and about what.
    "X-Followthrough-Template: {template}\r\n"
    "X-Followthrough-Subject: {about}\r\n"
    "MIME-Version: 1.0\r\n"
    'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
    "\r\n"
    "--{boundary}\r\n"
    'Content-Type: text/plain; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "{text}"
    "--{boundary}\r\n"
    'Content-Type: text/html; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "{html}"
    "--{boundary}--\r\n"
)


class Sender(NamedTuple):
    """Who it is from: a display name, perhaps empty, and an address that `mail_address.normalise` has passed."""

    name: str
    address: str

    @property
    def host(self) -> str:
        return self.address.rpartition("@")[2]


def assemble(owed: Owed, message: Message, sender: Sender, to: str) -> bytes:
    """The whole mail, in ASCII with CRLF, no line beginning with a dot. `to` has passed `mail_address.normalise`."""
    return _SKELETON.format(
        date=format_datetime(owed.decided_at),
        sender=f"{phrase(sender.name)} <{sender.address}>" if sender.name else sender.address,
        to=to,
        subject=header_text(message.subject, len("Subject: ")),
        key=owed.key,
        thread=thread_id(owed.subject),
        template=header_text(owed.template, len("X-Followthrough-Template: ")),
        about=header_text(owed.subject, len("X-Followthrough-Subject: ")),
        host=sender.host,
        boundary=f"=_{owed.key}",  # base64 has no underscore, so no part can hold it
        text=_part(message.text),
        html=_part(message.html),
    ).encode("ascii")


def thread_id(subject: str) -> str:
    """Everything about one commitment is one thread: reminder, escalation and the good news, over all its cycles."""
    return "thread." + hashlib.blake2b(subject.encode(errors="replace"), digest_size=12).hexdigest()


def header_text(value: str, indent: int) -> str:
    """One line of text as an unstructured header (RFC 2047), folded; `indent` is what stands before it on its line.

    Whatever could be read as more than text is cleaned or encoded: CR, LF, controls, bidi marks, `=?`.
    """
    line = one_line(value)
    if line.isascii() and line.isprintable() and "=?" not in line:
        folded = _fold(line, indent)
        if all(len(part) <= LINE_CHARS - indent for part in folded):
            return "\r\n ".join(folded)
    return "\r\n ".join(_encoded_words(line))


def phrase(name: str) -> str:
    """A display name (RFC 5322 phrase): as it is, quoted, or encoded. A very long one is cut to one encoded word,
    because readers differ on what stands between two (CPython's parser: a blank; RFC 2047: nothing)."""
    line = one_line(name)
    if line.isascii() and "=?" not in line:
        shown = line[:NAME_CHARS_MAX].strip()
        is_plain = _ATOMS.fullmatch(shown) is not None
        return shown if is_plain else '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _encoded_words(line)[0]


def _fold(line: str, indent: int) -> list[str]:
    """Cut before blanks so that lines stay short; a word that is longer than a line stays whole."""
    parts, used = [""], indent
    for word in line.split(" "):
        if parts[-1] and used + 1 + len(word) > LINE_CHARS:
            parts.append(word)
            used = 1 + len(word)
        else:
            used += len(word) + bool(parts[-1])
            parts[-1] = f"{parts[-1]} {word}" if parts[-1] else word
    return parts


def _encoded_words(line: str) -> list[str]:
    """RFC 2047 words of whole characters each; a reader joins them without blanks."""
    words, word = [], b""
    for char in line:
        encoded = char.encode()
        if len(word) + len(encoded) > WORD_BYTES:
            words.append(word)
            word = b""
        word += encoded
    return [f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in [*words, word] if word]


def _part(text: str) -> str:
    """Base64 in lines of 76 (RFC 2045 section 6.8), over text whose lines end in CRLF (section 6.8 again)."""
    canonical = "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    encoded = base64.encodebytes(canonical.encode(errors="replace"))
    return encoded.decode("ascii").replace("\n", "\r\n")
