"""The card of a commitment in a message: its state in a word, and its facts in rows. Made of a template's variables."""

from collections.abc import Mapping

from service.messages.times import count
from service.messages.view import due_word


def card(view: Mapping[str, object]) -> dict[str, object]:
    """What the layout shows of every commitment, whatever the template: its state in a word, and its facts."""
    if view["count"]:
        return {"state": count_of(view), "tone": "quiet", "rows": [["Since", view["since"]]]}
    if view["moment"] == "last_activity" and not view["is_closed"]:
        word, tone = f"Quiet for {view['quiet_for']}", "late"
    elif view["is_closed"]:
        done = "Done on time" if view["on_time"] else "Done"
        word, tone = {
            "met": (done, "good"),
            "won": ("Won", "good"),
            "lost": ("Lost", "quiet"),
            "cancelled": ("Cancelled", "quiet"),
        }.get(str(view["status"]), ("No date", "quiet"))
    elif not view["has_due"]:
        word, tone = "No date", "quiet"
    else:
        tone = "late" if view["is_late"] else "ahead"
        word = f"{_due_word(view, view['is_late'])} {view['due_in']}"
    is_over = view["has_due"] and (view["is_closed"] or view["is_late"])
    rows = [(_due_word(view, is_over), view["due"])]
    if view["status"] in ("won", "lost"):
        rows = [("Closed", view["closed"])]
    elif view["moment"] == "last_activity":
        rows = [("Last activity", view["quiet_since"])]
    due_row = "" if rows[0][0] in ("Closed", "Last activity") or not view["has_due"] else rows[0][0]
    rows.append(("Owner", f"{view['owner']} (you)" if view["is_yours"] else view["owner"]))
    rows += [(label, view[key]) for label, key in (("Amount", "amount"), ("Stage", "stage")) if view[key]]
    progress, slips = view["progress"], 0 if view["is_closed"] else view["slips"]
    if view["so_far"]:
        rows.append(("So far", f"{view['so_far']} ({progress} %)"))
    elif progress and not view["is_closed"]:
        rows.append(("Progress", f"{progress} %"))
    if isinstance(slips, int) and slips > 0:
        rows.append(("Moved", "once" if slips == 1 else "twice" if slips == 2 else count(slips, "time")))
    return {
        "state": word,
        "tone": tone,
        "rows": [[label, value] for label, value in rows],
        "due_row": due_row,
    }


def count_of(view: Mapping[str, object]) -> str:
    """Of a digest: how much is in it."""
    known = view["count"]
    return count(known, "message") if isinstance(known, int) else ""


def _due_word(view: Mapping[str, object], is_over: object) -> str:
    return due_word(str(view["moment"]), is_over=bool(is_over))
