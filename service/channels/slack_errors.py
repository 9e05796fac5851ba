"""What an answer of Slack's Web API means for a delivery. Pure; of an answer it says no more than Slack's own word."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from service.channels.contract import ChannelError
from service.channels.http import Answer

# https://docs.slack.dev/reference/methods/chat.postMessage#errors, and those of the other methods we call.
# Slack is out of order.
_DOWN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
# Too much at once, or a workspace that is being moved.
_LATER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org"})
# Nobody and nothing is there.
_NOBODY = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "user_disabled",
        "user_not_found",
        "user_not_visible",
        "users_not_found",
    }
)
# Our app may not do it: an operator has to look at its token, its scopes or its installation.
NOT_ALLOWED = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
# The message that was to be changed or answered is not there any more, or may not be.
GONE = frozenset(
    {
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "invalid_thread_ts",
        "message_not_found",
        "thread_not_found",
    }
)
_WORD = re.compile(r"[a-z0-9_]{1,60}")
_SCOPES = re.compile(r"[a-z.:_,]{1,120}")
# An answer echoes our message and may be longer than what is read of it.
_BEGINS_WELL = re.compile(rb'\s*\{\s*"ok"\s*:\s*true\s*,')


class SlackError(ChannelError):
    """`word` is Slack's, such as `channel_not_found`; empty where it said none."""

    word = ""


def said(answer: Answer) -> dict[str, Any]:
    """What Slack told of a call that went well; raises SlackError for any other.

    | answer | means |
    | --- | --- |
    | `ok: true` | done |
    | 429, `ratelimited` | later, not before `Retry-After` |
    | 5xx, `internal_error` and the like | later, and Slack is out of order |
    | a word of NOT_ALLOWED | later: somebody has to mend the app (a reader with another channel gets it there) |
    | `users_not_found` and the like | the address is gone: bounced |
    | 3xx, any other 4xx or word | never by this channel |
    """
    body = _body(answer)
    if body.get("ok") is True and 200 <= answer.status <= 299:
        return body
    raise _meaning(answer, body)


def _body(answer: Answer) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"ok": True} if _BEGINS_WELL.match(answer.body) else {}
    return found if isinstance(found, dict) else {}


def _meaning(answer: Answer, body: Mapping[str, Any]) -> SlackError:
    status, given = answer.status, body.get("error")
    word = given if isinstance(given, str) and _WORD.fullmatch(given) else ""
    error = SlackError(f"Slack said {word or status}{_needed(body)}", retry_after_s=answer.retry_after_s)
    error.word = word
    if status == 429 or word in _LATER or word in NOT_ALLOWED:
        return error
    if status >= 500 or word in _DOWN or (200 <= status <= 299 and not word):
        # A 2xx that is no answer of Slack's comes from something that stands between.
        error.is_outage = True
        return error
    error.permanent, error.bounced = True, word in _NOBODY
    return error


def _needed(body: Mapping[str, Any]) -> str:
    needed = body.get("needed")
    return f" (it needs {needed})" if isinstance(needed, str) and _SCOPES.fullmatch(needed) else ""
