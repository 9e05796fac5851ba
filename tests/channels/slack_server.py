"""A Slack of our own: its Web API's methods, scopes and limits, each a hard error, and books of what was posted.

Written from https://docs.slack.dev/reference/methods; blocks are also judged by Slack's own SDK.
"""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests.channels import judges
from tests.channels.judges import Wrong, need
from tests.channels.vendor import Reply, Request

TOKEN = "xoxb-1234567890-s3cretToken"
SIGNING_SECRET = "8f742231b10e8888abcd99aaa85a5bbb"
TEAM = "T0ACME"
SCOPES = {
    "auth.test": "",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.open": "im:write",
    "users.info": "users:read",
    "users.lookupByEmail": "users:read.email",
}
_MESSAGE = {"channel", "text", "blocks"}
_NEW = {"thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media"}


def member(email: str, **more: Any) -> dict[str, Any]:
    return {"team_id": TEAM, "is_email_confirmed": True, "profile": {"email": email}, **more}


@dataclass
class Slack:
    """`Vendor(judge=slack.judge)`, and `slack.posted` is what people see, in order, as it stands now."""

    token: str = TOKEN
    scopes: set[str] = field(default_factory=lambda: set(SCOPES.values()))
    members: dict[str, dict[str, Any]] = field(default_factory=lambda: {"U0ANA": member("ana@example.org")})
    channels: dict[str, str] = field(default_factory=lambda: {"C0WINS": "wins"})
    posted: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)  # to response_url
    enterprise: dict[str, str] = field(default_factory=dict)  # what auth.test says beside the workspace

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    def judge(self, request: Request) -> Reply:
        if request.path.startswith("/reply/"):
            self.replies.append(json.loads(request.body))
            return Reply(200, {}, b"ok")
        method = request.path.removeprefix("/api/")
        self.calls.append(method)
        try:
            found = {"ok": True, **self._call(method, request)}
        except Wrong as wrong:
            found = {"ok": False, "error": str(wrong)}
            if str(wrong) == "missing_scope":
                found["needed"] = SCOPES[method]
        except (KeyError, TypeError, ValueError):
            found = {"ok": False, "error": "invalid_arguments"}
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(found).encode())

    def said(self, channel: str) -> list[dict[str, Any]]:
        """What stands in a conversation, the oldest first."""
        return [message for (where, _), message in self.posted.items() if where == channel]

    def _call(self, method: str, request: Request) -> dict[str, Any]:
        need(method in SCOPES, "unknown_method")
        need(request.headers.get("authorization") == f"Bearer {self.token}", "invalid_auth")
        need(not SCOPES[method] or SCOPES[method] in self.scopes, "missing_scope")
        media = request.headers["content-type"].partition(";")[0]
        if method.startswith("chat."):
            need(media == "application/json", "invalid_post_type")
            return self._chat(method, json.loads(request.body))
        # https://docs.slack.dev/apis/web-api: methods that read take forms only.
        need(media == "application/x-www-form-urlencoded", "invalid_post_type")
        return self._look(method, dict(parse_qsl(request.body.decode(), strict_parsing=bool(request.body))))

    def _look(self, method: str, form: dict[str, str]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {
                    "team_id": TEAM,
                    "team": "Acme",
                    "user": "followthrough",
                    "user_id": "U0BOT",
                } | self.enterprise
            case "users.lookupByEmail":
                found = [id_ for id_, one in self.members.items() if one["profile"]["email"] == form["email"]]
                need(found, "users_not_found")
                return {"user": {"id": found[0], **self.members[found[0]]}}
            case "users.info":
                need(form["user"] in self.members, "user_not_found")
                return {"user": {"id": form["user"], **self.members[form["user"]]}}
            case _:
                need(form["users"] in self.members, "user_not_found")
                return {"channel": {"id": "D" + form["users"][1:]}}

    def _chat(self, method: str, data: dict[str, Any]) -> dict[str, Any]:
        need(set(data) <= _MESSAGE | (_NEW if method == "chat.postMessage" else {"ts"}), "invalid_arguments")
        self._judge_blocks(data)
        channel = self._place(data["channel"])
        shown = {key: data[key] for key in ("text", "blocks", "thread_ts", "reply_broadcast") if key in data}
        if method == "chat.update":
            need((channel, data["ts"]) in self.posted, "message_not_found")
            self.posted[channel, data["ts"]] |= shown
            return {"channel": channel, "ts": data["ts"]}
        need("thread_ts" not in data or (channel, data["thread_ts"]) in self.posted, "thread_not_found")
        ts = f"1795536000.{next(self._numbers):06}"
        self.posted[channel, ts] = {"ts": ts, **shown}
        return {"channel": channel, "ts": ts, "message": {"type": "message", **shown}}

    def _judge_blocks(self, data: dict[str, Any]) -> None:
        body = json.dumps({key: data[key] for key in ("text", "blocks")}).encode()
        answer = judges.slack(Request("POST", "/", {"content-type": "application/json"}, body))
        need(answer == judges.OK, answer.body.decode())
        try:
            for block in Block.parse_all(data["blocks"]):
                block.validate_json()
        except SlackObjectFormationError:
            raise Wrong("invalid_blocks") from None

    def _place(self, channel: str) -> str:
        named = [id_ for id_, name in self.channels.items() if channel in (id_, f"#{name}")]
        if named:
            return named[0]
        need(channel.startswith("D") and "U" + channel[1:] in self.members, "channel_not_found")
        return channel
