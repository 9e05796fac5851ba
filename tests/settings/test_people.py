"""People: the graph that decisions use, the address book, addresses and names that try to be others."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.settings.address_book import AddressBook
from service.settings.graph import compile_graph, pin_graph
from service.settings.load import load
from service.settings.mail_address import BadAddress, normalise
from service.settings.text import lookalike, one_line

GOOD = Path(__file__).parents[1] / "config/good"


def test_graph_knows_ids_and_the_book_knows_names() -> None:
    settings = load(GOOD, {})
    graph, book = settings.graph, settings.book

    assert graph.people["ana"].manager == "dana"
    assert graph.people["leo"].calendar == "default"
    assert graph.members("east") == ("ana", "leo")
    assert graph.with_role("ops") == ("dana",)
    assert str(graph.hours_of("ana").week[4]) == "(datetime.time(9, 0), datetime.time(15, 0))"
    assert book.reader("ana").addresses == {"email": "ana@example.com"}
    assert book.id_of_email(" ANA@Example.com ") == "ana"
    assert (book.name("ana"), book.name("east"), book.name("channel:wins")) == ("Ana Ruiz", "East", "wins")
    assert b"Ana" not in settings.pinned_graph
    assert b"@" not in settings.pinned_graph


def test_unknown_reader_has_a_name_and_no_address() -> None:
    assert AddressBook().reader("gone").name == "gone"
    assert AddressBook().reader("gone").addresses == {}
    assert AddressBook().id_of_email("x@example.com") is None


def test_graph_survives_pinning() -> None:
    graph = load(GOOD, {}).graph
    again = compile_graph(pin_graph(graph))
    assert again == graph
    assert len(again.hash) == 16


def test_order_and_names_do_not_change_the_hash(tmp_path: Path) -> None:
    original = load(GOOD, {}).graph.hash
    lines = (GOOD / "directory.yaml").read_text().replace("Ana Ruiz", "Ana María Ruiz").splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    for name in ("calendars.yaml", "channels.yaml"):
        (tmp_path / name).write_text((GOOD / name).read_text())
    (tmp_path / "directory.yaml").write_text("\n".join(lines))
    assert load(tmp_path, {}).graph.hash == original


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Ana.Ruiz+crm@Example.COM", "Ana.Ruiz+crm@example.com"),
        ("o'neil@example.co.uk", "o'neil@example.co.uk"),
        ("ana@münchen.de", "ana@xn--mnchen-3ya.de"),
        ("ana@faß.de", "ana@xn--fa-hia.de"),  # IDNA 2008 keeps ß; 2003 would write to another domain
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_plain_address_is_accepted(written: str, normal: str) -> None:
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "address",
    [
        *("", "ana", "@example.com", "ana@", "ana@@example.com", "ana@example", "ana@localhost", "ana@.com"),
        *("a@b.com, e@x.com", "a@b.com,e@x.com", "a@b.com;e@x.com", "a@b.com e@x.com", "a@b.com\te@x.com"),
        *(
            "alice@example.org]bob@evil.org",
            "alice@example.org[bob@evil.org",
            "<ana@example.com>",
            "Ana <a@b.com>",
        ),
        *(
            '"ana ruiz"@example.com',
            '"a@b"@example.com',
            "a(comment)@example.com",
            "a\\b@example.com",
            "a:b@example.com",
        ),
        *(
            "ana@example.com\r\nBcc: eve@example.com",
            "ana@example.com\n",
            "\nana@example.com",
            "ana@exam\x00ple.com",
        ),
        *("ana\u2028@example.com", "ana\u200b@example.com", "ana@exam\u202eple.com", "ana\u00a0@example.com"),
        *("-oQ/tmp@example.com", "-@example.com", "ana＠example.com", "ana﹫example.com", "añá@example.com"),
        *(
            ".ana@example.com",
            "ana.@example.com",
            "a..b@example.com",
            "a" * 65 + "@example.com",
            "ana@-example.com",
        ),
        *("ana@example-.com", "ana@exa_mple.com", "ana@exam ple.com", "ana@example..com", "ana@example.com."),
        *(
            "ana@192.168.1.1",
            "ana@[192.168.1.1]",
            "ana@[IPv6:::1]",
            "ana@example.1",
            "ana@xn--\u00fc.com",
            "ana@xn--a.com",
        ),
        *(
            "a@" + "b" * 64 + ".com",
            "a@" + "b." * 130 + "com",
            "a@exa%6dple.com",
            "a@example.com?bcc=x",
            "a@\u2488com",
        ),
    ],
)
def test_tricky_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        normalise(address)


@given(st.text(max_size=60))
def test_accepted_address_is_one_plain_ascii_word(text: str) -> None:
    try:
        address = normalise(text)
    except BadAddress:
        return
    assert address.isascii()
    assert address.count("@") == 1
    assert address.isprintable()
    assert " " not in address


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Ana  Ruiz", "Ana Ruiz"),
        ("Ana\r\nBcc: x", "Ana Bcc: x"),
        ("\u202eanA\u202c \u200bRuiz\ufeff", "anA Ruiz"),
        ("Ana\u2066 Ruiz\u2069\x07\x9b", "Ana Ruiz"),
        ("A\U000e0041na", "Ana"),
        ("Jose\u0301", "José"),
        ("Ana\u2028Ruiz\x0b\x85", "Ana Ruiz"),
    ],
)
def test_name_is_one_visible_line(written: str, clean: str) -> None:
    assert one_line(written) == clean


def test_lookalikes_are_found() -> None:
    assert lookalike("ＡＮＡ") == lookalike("ana")
    assert lookalike("ﬁn") == lookalike("FIN")
