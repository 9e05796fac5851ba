"""What somebody who wants to do harm writes into every field of an event."""

from msgspec.structs import replace

from service.core.effects import decode_owed, encode_effect
from service.messages import samples
from service.messages.samples import Sample

LINE = "[x](javascript:alert(1)) <script>alert(1)</script> # big *bold* _it_ `code` ![i](https://evil.example/i.png)"
TITLE = (
    LINE
    + " \u202egnp.exe\u2066\u200b\ufeff\r\nBcc: victim@example.com\x00\x1b[31m &lt;b&gt; {{ 7 * 7 }} {% raw %}"
)
PROSE = (
    "# heading\r\n- item\n> quote\n\n[click](https://evil.example) <img src=x onerror=alert(1)>\n"
    "Done:\nhttps://evil.example/a/token\n***\n<https://evil.example>\n    code\n\x07\ue000forged\ue001 zqv0vqz"
)
URL = "javascript:alert(document.domain)"

FACTS: dict[str, object] = {
    "title": TITLE,
    "description": PROSE,
    "note": PROSE,
    "url": URL,
    "kind": LINE,
    "importance": LINE,
    "owner": "<b>eve</b>\r\nX: y",
    "team": LINE,
    "told": [{"to": TITLE, "step": LINE, "policy": LINE, "at": "2026-11-24T10:00:00.000Z", "after": True}],
}


# A deal has more to write into.
DEAL: dict[str, object] = {
    "amount": LINE,
    "currency": LINE,
    "stage": LINE,
    "next_step": TITLE,
    "helpers": [LINE],
}


def sample(template: str) -> Sample:
    """The usual case of a template with every text replaced."""
    usual = samples.usual(template)
    texts = {"reason": PROSE, "why": PROSE, "step": LINE, "by": "<i>mallory</i>", "asked_by": LINE}
    extra = {**usual.owed.extra, **texts}
    facts = {**usual.owed.facts, **FACTS, **(DEAL if "amount" in usual.owed.facts else {})}
    reasons = (f"step {TITLE} of {LINE}: 1 day after",)
    parts = tuple(_hostile(raw, reasons) for raw in usual.owed.parts)
    owed = samples.owed(template, usual.owed.to, facts=facts, extra=extra, reasons=reasons, parts=parts)
    return Sample(owed, usual.reader)


def _hostile(raw: bytes, reasons: tuple[str, ...]) -> bytes:
    part = decode_owed(raw)
    return encode_effect(replace(part, facts={**part.facts, **FACTS}, reasons=reasons))
