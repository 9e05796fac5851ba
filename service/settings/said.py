"""A configuration with what events have said of people laid over its directory: graph, address book and cadences.

What an address is worth is decided here: whoever may send events must not thereby read other people's mail.
"""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from service.core.directory import Directory
from service.core.message import Reader
from service.core.model import People, Word
from service.core.people import Left, with_said
from service.core.zone_names import known_zones
from service.settings.address_book import AddressBook
from service.settings.cadences import series_of
from service.settings.graph import compile_graph, pin_graph
from service.settings.mail_address import BadAddress, normalise
from service.settings.model import Settings


def with_people(files: Settings, people: People) -> tuple[Settings, list[Left]]:
    """The settings as they are in force, and what events said that does not count as things are; `files` alone where
    they said nothing."""
    if not people.said:
        return files, []
    # Who is here and who has which address does not hang on whom they call their manager; that may be an address.
    graph, _ = with_said(files.graph, people, known_zones())
    book, more = _book(files, people, graph)
    graph, left = with_said(files.graph, _by_id(people, book), known_zones())
    pinned = pin_graph(graph)
    graph = compile_graph(pinned)
    series = series_of(files.cadences, graph)
    return dataclasses.replace(files, graph=graph, pinned_graph=pinned, book=book, series=series), left + more


def _by_id(people: People, book: AddressBook) -> People:
    """The words with ids for addresses: a manager may have been named by theirs before they joined."""

    def by_id(field: str, word: Word) -> Word:
        if field not in ("manager", "mentor") or not isinstance(word.value, str) or "@" not in word.value:
            return word
        return replace(word, value=book.id_of_email(word.value) or word.value)

    said = {who: {name: by_id(name, word) for name, word in one.items()} for who, one in people.said.items()}
    return replace(people, said=said)


def _book(files: Settings, people: People, graph: Directory) -> tuple[AddressBook, list[Left]]:
    """Names as events have them; an address only for whoever has none in the files, in a domain that the files know.
    Of two it is whoever's it was said to be first, for as long as they are here: nobody takes over another's mail."""
    book, left = files.book, list[Left]()
    ids = dict(book.ids)
    domains = {address.rpartition("@")[2] for address in ids}
    zones = {who: person.time_zone for who, person in graph.people.items()}
    readers = {who: replace(one, time_zone=zones[who]) for who, one in book.readers.items()}
    for who, words in sorted(people.said.items(), key=_first_said):
        if who not in zones:
            continue
        known = readers.get(who) or Reader(who, who, zones[who])
        name = words["name"].value if "name" in words else None
        readers[who] = replace(known, name=name if isinstance(name, str) else known.name)
        address = words["email"].value if "email" in words else None
        if not isinstance(address, str) or not graph.people[who].active:
            continue
        found, why = _address(address, who, files, ids, domains)
        if why:
            left.append(Left(who, "email", why))
            continue
        ids[found.casefold()] = who
        readers[who] = replace(readers[who], addresses={"email": found})
    return dataclasses.replace(book, readers=readers, ids=ids), left


def _first_said(one: tuple[str, Mapping[str, Word]]) -> tuple[datetime, str]:
    who, words = one
    word = words.get("email")
    return (word.since or word.at if word else datetime.max.replace(tzinfo=UTC)), who


def _address(
    address: str, who: str, files: Settings, ids: dict[str, str], domains: set[str]
) -> tuple[str, str]:
    """The address as it is written to, or why it is not."""
    if who in files.graph.people:
        return "", "the address of somebody in directory.yaml is changed there"
    try:
        found = normalise(address)
    except BadAddress as error:
        return "", f"the address {error}"
    if ids.get(found.casefold(), who) != who:
        return "", f"it is `{ids[found.casefold()]}`'s address"
    if found.rpartition("@")[2] not in domains:
        return "", "nobody in directory.yaml has an address in its domain"
    return found, ""
