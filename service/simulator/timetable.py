"""A failed scenario as two columns, expected and got, in the order of time, with the reason of every message.

Text only, for terminals and test reports. Must not decide anything: see `judge.py`.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from service.simulator.judge import Expected, Message, Silence, Verdict

# Two columns and the time fit in a wide terminal.
_COLUMN_CHARS = 46


def timetable(verdict: Verdict, zone: ZoneInfo, silences: list[Silence] | None = None) -> str:
    """The whole story of a scenario: `=` kept, `-` promised and missing, `+` sent and not promised."""
    rows: list[tuple[datetime, str, str, str, str]] = []
    rows += [(told.at, "=", _wanted(one), _got(told), told.reason) for one, told in verdict.pairs]
    rows += [(one.at, "-", _wanted(one), "", "") for one in verdict.missing]
    rows += [(told.at, "+", "", _got(told), told.reason) for told in verdict.unexpected]
    lines = [f"  {'':21} {'expected':{_COLUMN_CHARS}} | got"]
    for at, sign, wanted, got, why in sorted(rows, key=lambda row: row[:2]):
        lines.append(f"{sign} {_when(at, zone):21} {wanted:{_COLUMN_CHARS}} | {got}".rstrip())
        if why:
            lines.append(f"  {'':21} {'':{_COLUMN_CHARS}} |   why: {why}")
    for no, told in verdict.forbidden:
        lines.append(f"! never {_fields(no)}, but {_when(told.at, zone)} {_got(told)}")
    lines += [f"- silence {_fields(one)} is not on record" for one in verdict.unexplained]
    words = [part for one in verdict.missing for part in one.contains]
    if words:
        lines.append(f"  promised words: {words}")
        lines += [line for told in verdict.unexpected if told.text for line in _read(told)]
    if silences and not verdict.is_kept:
        lines.append("  what the record says:")
        lines += [f"    {_when(s.at, zone):21} {s.subject:14} {s.code:18} {s.text}" for s in silences]
    return "\n".join(lines)


def _when(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    seconds = f":{local:%S}" if local.second else ""
    return f"{local:%a %Y-%m-%d %H:%M}{seconds}"


def _wanted(one: Expected) -> str:
    more = [
        f"{name}={value}" for name in ("policy", "step", "kind", "reason") if (value := getattr(one, name))
    ]
    return " ".join([f"{one.to} {one.template or 'anything'}", *more])


def _read(got: Message) -> list[str]:
    """What its reader sees, where words were promised that are not in there."""
    return [f"  {got.to} reads:", *(f"    | {line}".rstrip() for line in (got.text or "").splitlines())]


def _got(got: Message) -> str:
    kind = "" if got.kind == "notice" else f" ({got.kind})"
    return f"{got.to} {got.template}{kind} {got.policy}.{got.step} by {got.channel}"


def _fields(one: object) -> str:
    named = vars(one).items()
    return ", ".join(f"{name}: {value}" for name, value in named if value not in (None, "", ()) and value)
