"""Events nobody should be able to send, each beside the exact refusal. Also used over HTTP (tests/web/test_intake)."""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Hostile(NamedTuple):
    name: str
    body: bytes
    reason: str
    pointer: str
    status: int
    says: str = ""  # part of the detail


class _Gone:
    """Leave the member out."""


GONE = _Gone()
GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "test",
    "type": "deadline.set",
    "data": {
        "commitment_id": "c1",
        "title": "Send the proposal",
        "owner": "ana",
        "due_at": "2026-11-30T16:00:00Z",
    },
}


def event(data: object = None, **attributes: object) -> dict[str, Any]:
    """The good event with some of it replaced, or left out by GONE; a dict as `data` is laid over the good one."""
    merged = {**GOOD, **attributes}
    if isinstance(data, dict):
        merged["data"] = {k: v for k, v in {**GOOD["data"], **data}.items() if v is not GONE}
    elif data is not None:
        merged["data"] = data
    return {name: value for name, value in merged.items() if value is not GONE}


def body(data: object = None, **attributes: object) -> bytes:
    return json.dumps(event(data, **attributes)).encode()


def raw(fragment: str) -> bytes:
    """The good event with one more field in its data, as raw JSON."""
    return body({"extra": 0}).replace(b'"extra": 0', fragment.encode("utf-8", "surrogatepass"))


def answer(type_: str = "commitment.acknowledged", **data: object) -> bytes:
    fields = {"subject_id": "deadline/c1", "by": "ana", **data}
    fields = {name: value for name, value in fields.items() if value is not GONE}
    return json.dumps({**GOOD, "type": type_, "data": fields}).encode()


def moved(**data: object) -> bytes:
    return json.dumps({**GOOD, "type": "deadline.moved", "data": {"commitment_id": "c1", **data}}).encode()


def deal(kind: str = "deal.updated", **data: object) -> bytes:
    return json.dumps({**GOOD, "type": kind, "data": {"deal_id": "d1", **data}}).encode()


def away(data: dict[str, object]) -> bytes:
    return json.dumps({**GOOD, "type": "person.away", "data": {"person": "ana", **data}}).encode()


def wish(data: dict[str, object]) -> bytes:
    return json.dumps({**GOOD, "type": "preferences.changed", "data": {"person": "ana", **data}}).encode()


def hr(**data: object) -> bytes:
    return json.dumps({**GOOD, "type": "person.changed", "data": {"person": "noa", **data}}).encode()


def goal(target: str, **other: str) -> bytes:
    days = {"period_start": "2026-11-01", "period_end": "2026-11-30"}
    data = {
        "goal_id": "g1",
        "title": "Demos",
        "owner": "ana",
        "metric": "demos",
        "target": target,
        **days,
        **other,
    }
    return json.dumps({**GOOD, "type": "goal.set", "data": data}).encode()


def checkin(kind: str = "checkin.submitted", **data: object) -> bytes:
    fields = {"person": "ana", "cadence": "weekly", **data}
    fields = {name: value for name, value in fields.items() if value is not GONE}
    return json.dumps({**GOOD, "type": kind, "data": fields}).encode()


def due(value: object) -> bytes:
    return body({"due_at": value})


_JSON = [
    Hostile("empty", b"", "invalid_json", "", 400, "at byte 0: it is empty"),
    Hostile("blanks", b" \r\n\t", "invalid_json", "", 400, "at byte 0"),
    Hostile("byte order mark", b"\xef\xbb\xbf" + body(), "invalid_json", "", 400, "byte order mark"),
    Hostile(
        "utf-16", json.dumps(GOOD).encode("utf-16"), "invalid_json", "", 400, "at byte 0: this is not UTF-8"
    ),
    Hostile("latin-1", b'{"id": "caf\xe9"}', "invalid_json", "", 400, "at byte 11"),
    Hostile("overlong slash", b'{"id": "\xc0\xaf"}', "invalid_json", "", 400, "at byte 8"),
    Hostile("surrogate in utf-8", b'{"id": "\xed\xa0\x80"}', "invalid_json", "", 400, "at byte 8"),
    Hostile("truncated", body()[:-1], "invalid_json", "", 400, f"at byte {len(body()) - 1}"),
    Hostile("cut in a string", b'{"id": "e', "invalid_json", "", 400, "at byte 7"),
    Hostile("cut in a character", '{"id": "é'.encode()[:-1], "invalid_json", "", 400, "at byte 8"),
    Hostile("two documents", body() + body(), "invalid_json", "", 400, f"at byte {len(body())}"),
    Hostile("trailing comma", b'{"id": 1,}', "invalid_json", "", 400),
    Hostile("single quotes", b"{'id': 1}", "invalid_json", "", 400, "at byte 1"),
    Hostile("comment", b'{"id": 1} // no', "invalid_json", "", 400, "at byte 10"),
    Hostile("bare word", b"nul", "invalid_json", "", 400, "at byte 0"),
    Hostile("form", b"id=1&source=x", "invalid_json", "", 400, "at byte 0"),
    Hostile("html", b"<html></html>", "invalid_json", "", 400, "at byte 0"),
    Hostile("yaml", b"id: 1", "invalid_json", "", 400, "at byte 0"),
    Hostile("raw newline", b'{"id": "a\nb"}', "invalid_json", "", 400, "at byte 9"),
    Hostile("raw NUL", b'{"id": "a\x00b"}', "invalid_json", "", 400, "at byte 9"),
    Hostile("NUL after", body() + b"\x00", "invalid_json", "", 400),
    Hostile("bad escape", b'{"id": "\\x41"}', "invalid_json", "", 400, "at byte 8"),
    Hostile("short escape", b'{"id": "\\u12"}', "invalid_json", "", 400),
    Hostile("byte after non-ascii", '{"é": nul}'.encode(), "invalid_json", "", 400, "at byte 7"),
    Hostile("hexadecimal", raw('"extra": 0x10'), "invalid_json", "", 400),
    Hostile("leading zero", raw('"extra": 007'), "invalid_json", "", 400),
    Hostile("leading plus", raw('"extra": +1'), "invalid_json", "", 400),
    Hostile("NaN", raw('"extra": NaN'), "invalid_json", "/data/extra", 400, "NaN"),
    Hostile("Infinity", raw('"extra": Infinity'), "invalid_json", "/data/extra", 400, "Infinity"),
    Hostile("-Infinity", raw('"extra": [1, -Infinity]'), "invalid_json", "/data/extra/1", 400),
    Hostile("1e999", raw('"extra": 1e999'), "number_out_of_range", "/data/extra", 400, "1e999"),
    Hostile("-1e999", raw('"extra": {"a": -1e999}'), "number_out_of_range", "/data/extra/a", 400),
    Hostile("5000 digits", raw(f'"extra": {"9" * 5000}'), "number_out_of_range", "/data/extra", 400),
    Hostile("-5000 digits", raw(f'"extra": -{"9" * 5000}'), "number_out_of_range", "/data/extra", 400),
    Hostile("2^63", raw('"extra": 9223372036854775808'), "number_out_of_range", "/data/extra", 400),
    Hostile("5000 digits of pi", raw(f'"extra": 1e{"9" * 4000}'), "number_out_of_range", "/data/extra", 400),
    Hostile("id of 30 digits", body(id=10**30), "number_out_of_range", "/id", 400, "as a string"),
    Hostile("key twice", b'{"a":1,"a":2}', "duplicate_key", "", 400, "'a'"),
    Hostile("id twice", body()[:-1] + b',"id":"e2"}', "duplicate_key", "", 400, "'id'"),
    Hostile("owner twice", raw('"owner": "bob"'), "duplicate_key", "/data", 400, "'owner'"),
    Hostile("owner twice, escaped", raw('"\\u006fwner": "bob"'), "duplicate_key", "/data", 400, "'owner'"),
    Hostile("key twice, deep", raw('"x": [{"y": {"k": 1, "k": 1}}]'), "duplicate_key", "/data/x/0/y", 400),
    Hostile("empty key twice", raw('"": 1, "": 2'), "duplicate_key", "/data", 400),
    Hostile(
        "lone high surrogate", raw('"extra": "\\ud800"'), "invalid_text", "/data/extra", 400, "surrogate"
    ),
    Hostile("lone low surrogate", raw('"extra": "\\udc00x"'), "invalid_text", "/data/extra", 400),
    Hostile("reversed pair", raw('"extra": "\\udc00\\ud800"'), "invalid_text", "/data/extra", 400),
    Hostile("surrogate in a key", raw('"\\ud800": 1'), "invalid_text", "/data/\\ud800", 400),
    Hostile("surrogate in the id", body(id="\ud800"), "invalid_text", "/id", 400),
    Hostile("surrogate in the title", body({"title": "a\udfff"}), "invalid_text", "/data/title", 400),
    Hostile("NUL in a title", body({"title": "a\x00b"}), "invalid_text", "/data/title", 400, "NUL"),
    Hostile("NUL in a body", body({"description": "a\x00b"}), "invalid_text", "/data/description", 400),
    Hostile("NUL in a key", body({"a\x00": 1}), "invalid_text", "/data/a\x00", 400),
    Hostile("NUL in the id", body(id="a\x00"), "invalid_text", "/id", 400),
    Hostile("100k lists", b"[" * 60_000, "too_deep", "", 400),
    Hostile("60k objects", b'{"a":' * 12_000, "too_deep", "", 400),
    Hostile("33 deep", raw('"extra": ' + "[" * 31 + "]" * 31), "too_deep", "/data/extra" + "/0" * 30, 400),
    Hostile("33 objects", b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep", "/a" * 32, 400),
    Hostile("deep and cut", raw('"extra": ' + "[" * 3000), "too_deep", "", 400),
    Hostile("64 KiB and one", body({"extra": "x" * 65_536}), "too_large", "", 413, "64 KiB"),
    Hostile("64 KiB of blanks", b" " * 65_537, "too_large", "", 413),
]

_SHAPE = [
    Hostile("a list", b"[]", "wrong_type", "", 422, "one JSON object"),
    Hostile("a batch where one is meant", b"[" + body() + b"]", "wrong_type", "", 422),
    Hostile("text", b'"deadline.set"', "wrong_type", "", 422),
    Hostile("number", b"5", "wrong_type", "", 422),
    Hostile("null", b"null", "wrong_type", "", 422),
    Hostile("true", b"true", "wrong_type", "", 422),
    Hostile("nothing in it", b"{}", "missing_attribute", "/id", 422, "the attribute id is missing"),
    Hostile("no id", body(id=GONE), "missing_attribute", "/id", 422, "id"),
    Hostile("no source", body(source=GONE), "missing_attribute", "/source", 422, "source"),
    Hostile("no type", body(type=GONE), "missing_attribute", "/type", 422, "type"),
    Hostile("no specversion", body(specversion=GONE), "missing_attribute", "/specversion", 422, '"1.0"'),
    Hostile("null id", body(id=None), "missing_attribute", "/id", 422),
    Hostile("null type", body(type=None), "missing_attribute", "/type", 422),
    Hostile("mistyped source", body(source=GONE, sorce="x"), "missing_attribute", "/source", 422, "'sorce'"),
    Hostile("version 0.3", body(specversion="0.3"), "wrong_specversion", "/specversion", 422, "'0.3'"),
    Hostile("version 1.1", body(specversion="1.1"), "wrong_specversion", "/specversion", 422),
    Hostile("version 1", body(specversion=1), "wrong_specversion", "/specversion", 422),
    Hostile("version 1.0 as a number", body(specversion=1.0), "wrong_type", "/specversion", 422),
    Hostile("cloudEventsVersion", body(specversion=GONE, cloudEventsVersion="0.1"), "attribute_name",
            "/cloudEventsVersion", 422, "'cloudeventsversion'"),
    Hostile("upper-case id", body(id=GONE, ID="e1"), "attribute_name", "/ID", 422, "'id'"),
    Hostile("upper-case extension", body(traceParent="x"), "attribute_name", "/traceParent", 422),
    Hostile("id true", body(id=True), "wrong_type", "/id", 422),
    Hostile("id 1.5", body(id=1.5), "wrong_type", "/id", 422),
    Hostile("id list", body(id=["e1"]), "wrong_type", "/id", 422),
    Hostile("id object", body(id={}), "wrong_type", "/id", 422),
    Hostile("id empty", body(id=""), "invalid_value", "/id", 422),
    Hostile("id blank", body(id=" \t"), "invalid_value", "/id", 422),
    Hostile("id with a newline", body(id="a\r\nSet-Cookie: x"), "invalid_value", "/id", 422, "control"),
    Hostile("id turned around", body(id="a\u202eb"), "invalid_value", "/id", 422),
    Hostile("id with zero width", body(id="a\u200bb"), "invalid_value", "/id", 422),
    Hostile("id of a novel", body(id="x" * 501), "too_long", "/id", 422, "500"),
    Hostile("source object", body(source={"a": 1}), "wrong_type", "/source", 422),
    Hostile("source empty", body(source=""), "invalid_value", "/source", 422),
    Hostile("source with a C1 control", body(source="a\x9bm"), "invalid_value", "/source", 422),
    Hostile("type list", body(type=["deadline.set"]), "wrong_type", "/type", 422),
    Hostile("type empty", body(type=""), "invalid_value", "/type", 422),
    Hostile("type with an escape", body(type="deadline.set\x1b[31m"), "invalid_value", "/type", 422),
    Hostile("subject list", body(subject=[1]), "wrong_type", "/subject", 422),
    Hostile("subject with a newline", body(subject="a\nb"), "invalid_value", "/subject", 422),
    Hostile("our own type", body(type="notification.requested"), "internal_type", "/type", 422, "only the service"),
    Hostile("our own report", body(type="delivery.dead"), "internal_type", "/type", 422),
    Hostile("our own bounce", body(type="delivery.bounced"), "internal_type", "/type", 422),
    Hostile("binary data", body(data_base64="AAAA"), "invalid_value", "/data_base64", 422),
    Hostile("xml data", body(datacontenttype="text/xml"), "invalid_value", "/datacontenttype", 422),
    Hostile("odd content type", body(datacontenttype=5), "invalid_value", "/datacontenttype", 422),
    Hostile("import maybe", body(**{"import": "maybe"}), "wrong_type", "/import", 422),
    Hostile("import 1", body({"import": 2}), "wrong_type", "/data/import", 422),
    Hostile("no data", body(data=GONE), "missing_data", "/data", 422, "commitment_id"),
    Hostile("null data", json.dumps({**GOOD, "data": None}).encode(), "missing_data", "/data", 422),
    Hostile("data as text", body("{}"), "wrong_type", "/data", 422),
    Hostile("data as a list", body([]), "wrong_type", "/data", 422),
    Hostile("data as a number", body(7), "wrong_type", "/data", 422),
]  # fmt: skip

_FIELDS = [
    Hostile("no commitment_id", body({"commitment_id": GONE}), "missing_field", "/data/commitment_id", 422),
    Hostile("no title", body({"title": GONE}), "missing_field", "/data/title", 422),
    Hostile("no owner", body({"owner": GONE}), "missing_field", "/data/owner", 422),
    Hostile("mistyped owner", body({"owner": GONE, "ownr": "ana"}), "missing_field", "/data/owner", 422, "'ownr'"),
    Hostile("commitmentId", body({"commitment_id": GONE, "commitmentId": 1}), "missing_field",
            "/data/commitment_id", 422, "'commitmentId'"),
    Hostile("null owner", body({"owner": None}), "missing_field", "/data/owner", 422, "null"),
    Hostile("no date", body({"due_at": GONE}), "missing_field", "/data/due_at", 422, "due_on"),
    Hostile("moved nowhere", moved(), "missing_field", "/data/due_at", 422),
    Hostile("both dates", body({"due_on": "2026-11-30"}), "both_dates", "/data/due_on", 422, "not both"),
    Hostile("moved to both", moved(due_at="2026-11-30T16:00:00Z", due_on="2026-11-30"), "both_dates",
            "/data/due_on", 422),
    Hostile("owner true", body({"owner": True}), "wrong_type", "/data/owner", 422),
    Hostile("owner 1.5", body({"owner": 1.5}), "wrong_type", "/data/owner", 422),
    Hostile("owner list", body({"owner": ["ana", "bob"]}), "wrong_type", "/data/owner", 422),
    Hostile("owner object", body({"owner": {"id": "ana"}}), "wrong_type", "/data/owner", 422),
    Hostile("owner empty", body({"owner": ""}), "empty", "/data/owner", 422),
    Hostile("owner invisible", body({"owner": "\u200b\u2060\ufeff"}), "empty", "/data/owner", 422),
    Hostile("owner long", body({"owner": "a" * 201}), "too_long", "/data/owner", 422, "200"),
    Hostile("owner is a channel", body({"owner": "channel:email:x@evil.example"}), "invalid_value", "/data/owner", 422,
            "name a person"),
    Hostile("owner is a channel after cleaning", body({"owner": " chan\u200bnel:wins"}), "invalid_value",
            "/data/owner", 422),
    Hostile("answered by a channel", answer(by="channel:wins"), "invalid_value", "/data/by", 422),
    Hostile("title number", body({"title": 5}), "wrong_type", "/data/title", 422, "expected text"),
    Hostile("title object", body({"title": {"text": "x"}}), "wrong_type", "/data/title", 422),
    Hostile("title blank", body({"title": " \n\t "}), "empty", "/data/title", 422),
    Hostile("title only controls", body({"title": "\x01\x1f"}), "empty", "/data/title", 422),
    Hostile("title long", body({"title": "x" * 301}), "too_long", "/data/title", 422, "300"),
    Hostile("description long", body({"description": "x" * 4001}), "too_long", "/data/description", 422),
    Hostile("description list", body({"description": ["x"]}), "wrong_type", "/data/description", 422),
    Hostile("url number", body({"url": 1}), "wrong_type", "/data/url", 422),
    Hostile("importance hgih", body({"importance": "hgih"}), "invalid_value", "/data/importance", 422,
            "did you mean 'high'?"),
    Hostile("importance HIGH", body({"importance": "HIGH"}), "invalid_value", "/data/importance", 422, "'high'"),
    Hostile("importance 3", body({"importance": 3}), "wrong_type", "/data/importance", 422),
    Hostile("importance urgent", body({"importance": "urgent"}), "invalid_value", "/data/importance", 422,
            "low, normal, high"),
    Hostile("importance empty", body({"importance": ""}), "invalid_value", "/data/importance", 422),
    Hostile("percent 101", body({"commitment_id": "c", "percent": 101}, type="deadline.progress"),
            "out_of_range", "/data/percent", 422, "at most 100"),
    Hostile("percent -1", body({"percent": -1}, type="deadline.progress"), "out_of_range", "/data/percent", 422),
    Hostile("percent text", body({"percent": "50"}, type="deadline.progress"), "wrong_type", "/data/percent", 422,
            "a whole number"),
    Hostile("percent half", body({"percent": 50.5}, type="deadline.progress"), "wrong_type", "/data/percent", 422),
    Hostile("confidence 0", body({"confidence": 0}, type="deadline.progress"), "out_of_range",
            "/data/confidence", 422, "at least 1"),
    Hostile("confidence 6", body({"confidence": 6}, type="deadline.progress"), "out_of_range",
            "/data/confidence", 422),
    Hostile("via carrier pigeon", answer(via="pigeon"), "invalid_value", "/data/via", 422, "link, slack"),
    Hostile("as_of text", answer(as_of="1"), "wrong_type", "/data/as_of", 422),
    Hostile("answer to nothing", answer(subject_id=GONE), "missing_field", "/data/subject_id", 422),
    Hostile("answer by nobody", answer(by=GONE), "missing_field", "/data/by", 422),
    Hostile("answer to an inbox", answer(subject_id="inbox/ana"), "invalid_value", "/data/subject_id", 422,
            "nobody answers inbox"),
    Hostile("answer to a person", answer(subject_id="person/ana"), "invalid_value", "/data/subject_id", 422),
    Hostile("new promise without a date", answer("commitment.recommitted"), "missing_field", "/data/due_at", 422),
    Hostile("snoozed naively", answer("commitment.snoozed", until="2026-11-30T16:00:00"), "naive_time",
            "/data/until", 422, "no offset"),
]  # fmt: skip

_TIMES = [
    Hostile("naive due_at", due("2026-11-30T16:00:00"), "naive_time", "/data/due_at", 422, "no offset"),
    Hostile("naive time", body(time="2026-11-24T08:00:00"), "naive_time", "/time", 422, "Z or +01:00"),
    Hostile("a date", due("2026-11-30"), "invalid_time", "/data/due_at", 422, "due_on"),
    Hostile("words", due("tomorrow"), "invalid_time", "/data/due_at", 422, "2026-11-24T16:00:00Z"),
    Hostile("relative", due("+20s"), "invalid_time", "/data/due_at", 422),
    Hostile("American", due("11/30/2026 4pm"), "invalid_time", "/data/due_at", 422),
    Hostile("zone name", due("2026-11-30T16:00:00 Europe/Berlin"), "invalid_time", "/data/due_at", 422),
    Hostile("zone path", due("2026-11-30T16:00:00../../etc/passwd"), "invalid_time", "/data/due_at", 422),
    Hostile("empty instant", due(""), "invalid_time", "/data/due_at", 422),
    Hostile("month 13", due("2026-13-30T16:00:00Z"), "invalid_time", "/data/due_at", 422, "does not exist"),
    Hostile("29 February", due("2027-02-29T16:00:00Z"), "invalid_time", "/data/due_at", 422, "does not exist"),
    Hostile("second 61", due("2026-11-30T16:00:61Z"), "invalid_time", "/data/due_at", 422),
    Hostile("24:00:01", due("2026-11-30T24:00:01Z"), "invalid_time", "/data/due_at", 422),
    Hostile("24:00:00.5", due("2026-11-30T24:00:00.5Z"), "invalid_time", "/data/due_at", 422),
    Hostile("25:00", due("2026-11-30T25:00:00Z"), "invalid_time", "/data/due_at", 422),
    Hostile("offset +25", due("2026-11-30T16:00:00+25:00"), "invalid_time", "/data/due_at", 422),
    Hostile("offset +01:99", due("2026-11-30T16:00:00+01:99"), "invalid_time", "/data/due_at", 422),
    Hostile("Arabic digits", due("٢٠٢٦-11-30T16:00:00Z"), "invalid_time", "/data/due_at", 422),
    Hostile("year 0000", due("0000-01-01T00:00:00Z"), "invalid_time", "/data/due_at", 422),
    Hostile("year 9999 west", due("9999-12-31T23:59:59-14:00"), "invalid_time", "/data/due_at", 422),
    Hostile("year 9999", due("9999-12-31T23:59:59Z"), "time_out_of_range", "/data/due_at", 422, "ten years"),
    Hostile("year 58812", due("+58812-01-01T00:00:00Z"), "time_out_of_range", "/data/due_at", 422,
            "milliseconds read as seconds"),
    Hostile("1970", due("1970-01-21T16:00:00Z"), "time_out_of_range", "/data/due_at", 422,
            "seconds read as milliseconds"),
    Hostile("1969", due("1969-12-31T23:59:59Z"), "time_out_of_range", "/data/due_at", 422),
    Hostile("eleven years ahead", due("2037-11-30T16:00:00Z"), "time_out_of_range", "/data/due_at", 422),
    Hostile("eleven years ago", body(time="2015-11-30T16:00:00Z"), "time_out_of_range", "/time", 422),
    Hostile("epoch seconds", due(1796054400), "wrong_type", "/data/due_at", 422, "looks like seconds since 1970"),
    Hostile("epoch milliseconds", due(1796054400000), "wrong_type", "/data/due_at", 422, "looks like milliseconds"),
    Hostile("negative epoch", due(-1), "wrong_type", "/data/due_at", 422),
    Hostile("epoch fraction", due(1796054400.5), "wrong_type", "/data/due_at", 422, "seconds"),
    Hostile("due true", due(True), "wrong_type", "/data/due_at", 422),
    Hostile("due list", due([2026, 11, 30]), "wrong_type", "/data/due_at", 422),
    Hostile("time number", body(time=1796054400), "wrong_type", "/time", 422),
    Hostile("met naively", body({"at": "2026-11-24T08:00"}, type="deadline.met"), "naive_time", "/data/at", 422),
    Hostile("amount number", deal(amount=1200.5), "invalid_value", "/data/amount", 422, "decimal text"),
    Hostile("amount with commas", deal(amount="1,200.50"), "invalid_value", "/data/amount", 422, '"1200.50"'),
    Hostile("amount nan", deal(amount="NaN"), "invalid_value", "/data/amount", 422),
    Hostile("amount endless", deal(amount="9" * 19), "invalid_value", "/data/amount", 422),
    Hostile("currency in words", deal(currency="Euro"), "invalid_value", "/data/currency", 422, "ISO 4217"),
    Hostile("two close dates", deal(close_on="2026-11-30", close_at="2026-11-30T16:00:00Z"), "both_dates",
            "/data/close_on", 422),
    Hostile("helper that is a channel", deal("deal.won", helpers=["leo", "channel:email:x@evil.example"]),
            "invalid_value", "/data/helpers", 422, "name a person"),
    Hostile("helper that is a list", deal("deal.won", helpers=[["leo"]]), "wrong_type", "/data/helpers/0", 422),
    Hostile("check-in of nobody", checkin(person=GONE), "missing_field", "/data/person", 422, "person is required"),
    Hostile("check-in of a channel", checkin(person="channel:wins"), "invalid_value", "/data/person", 422),
    Hostile("check-in in no cadence", checkin(cadence=""), "empty", "/data/cadence", 422),
    Hostile("period of another shape", checkin(period="2026-47"), "invalid_value", "/data/period", 422, "2026-W47"),
    Hostile("excuse without a period", checkin("checkin.excused"), "missing_field", "/data/period", 422),
    Hostile("roadblock that is a number", checkin(roadblocks=["Legal", 7]), "wrong_type", "/data/roadblocks/1", 422),
    Hostile("too many wins", checkin(wins=["w"] * 21), "too_long", "/data/wins", 422),
    Hostile("confidence of six", checkin(confidence=6), "out_of_range", "/data/confidence", 422, "at most 5"),
    Hostile("lateness in words", checkin(late="yes"), "wrong_type", "/data/late", 422),
    Hostile("series from outside", checkin("checkin.scheduled"), "internal_type", "/type", 422),
    Hostile("due_on instant", moved(due_on="2026-11-30T16:00:00Z"), "invalid_date", "/data/due_on", 422, "due_at"),
    Hostile("due_on words", moved(due_on="Friday"), "invalid_date", "/data/due_on", 422),
    Hostile("due_on week", moved(due_on="2026-W48-1"), "invalid_date", "/data/due_on", 422),
    Hostile("due_on basic", moved(due_on="20261130"), "invalid_date", "/data/due_on", 422),
    Hostile("due_on 31 November", moved(due_on="2026-11-31"), "invalid_date", "/data/due_on", 422, "not exist"),
    Hostile("due_on 1996", moved(due_on="1996-11-30"), "time_out_of_range", "/data/due_on", 422),
    Hostile("due_on number", moved(due_on=20261130), "wrong_type", "/data/due_on", 422),
]  # fmt: skip

_WISHES = [
    Hostile("away backwards", away({"from": "2026-12-04T00:00:00Z", "until": "2026-12-01T00:00:00Z"}), "invalid_value",
            "/data/until", 422, "before its `from`"),
    Hostile("away until a time that is over", away({"until": "2026-11-23T09:00:00Z"}), "invalid_value", "/data/until",
            422, "`from` is left out"),
    Hostile("their own delegate", away({"delegate": "ana"}), "invalid_value", "/data/delegate", 422,
            "cannot stand in for themselves"),
    Hostile("quiet without an end", wish({"quiet": "08:00-08:00"}), "invalid_value", "/data/quiet", 422,
            "two different times"),
    Hostile("goal of nothing", goal("0.00"), "invalid_value", "/data/target", 422, "more than 0"),
    Hostile(
        "goal backwards",
        goal("4", period_end="2025-01-01"),
        "invalid_value",
        "/data/period_end",
        422,
        "after it begins",
    ),
    Hostile("goal below nothing", goal("-40"), "invalid_value", "/data/target", 422, "more than 0"),
    Hostile("their own manager", hr(manager="noa"), "invalid_value", "/data/manager", 422, 'somebody else, or "none"'),
    Hostile("their own mentor", hr(mentor="noa"), "invalid_value", "/data/mentor", 422, "their own mentor"),
    Hostile("their own manager by address", hr(manager="noa@example.com", email="noa@example.com"), "invalid_value",
            "/data/manager", 422, "their own manager"),
    Hostile("mistyped zone", hr(time_zone="Europe/Madird"), "invalid_value", "/data/time_zone", 422, "'Europe/Madrid'"),
    Hostile("a city for a zone", hr(time_zone="New York"), "invalid_value", "/data/time_zone", 422, "America/New_York"),
    Hostile("a path for a zone", hr(time_zone="../../etc/passwd"), "invalid_value", "/data/time_zone", 422, "as in"),
    Hostile("no address", hr(email="noa"), "invalid_value", "/data/email", 422, "as in ana@example.com"),
    Hostile("address of two lines", hr(email="noa@example.com\r\nBcc: all@example.com"), "invalid_value", "/data/email",
            422, "not one plain address"),
    Hostile("two addresses", hr(email="a@example.com,b@example.com"), "invalid_value", "/data/email", 422),
    Hostile("an option for an address", hr(email="-oQ@example.com"), "invalid_value", "/data/email", 422),
    Hostile("address with a name", hr(email="Noa <noa@example.com>"), "invalid_value", "/data/email", 422,
            "did you mean 'noa@example.com'?"),
    Hostile("role for a person", hr(person="role:ops"), "invalid_value", "/data/person", 422, "is a role"),
    Hostile("team for a person", hr(person="team:east"), "invalid_value", "/data/person", 422, "is a team"),
    Hostile("recipient for an id", hr(person="person:ana"), "invalid_value", "/data/person", 422, "did you mean"),
    Hostile("role for a manager", hr(manager="role:ops"), "invalid_value", "/data/manager", 422, "is a role"),
    Hostile("subject for a person", hr(person="inbox/noa"), "invalid_value", "/data/person", 422, "a slash"),
    Hostile("name for a person", hr(person="Noa Levi"), "invalid_value", "/data/person", 422, "a space"),
]  # fmt: skip

HOSTILE = [*_JSON, *_SHAPE, *_FIELDS, *_TIMES, *_WISHES]
