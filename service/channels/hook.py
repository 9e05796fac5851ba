"""What channels that POST to one configured URL have in common: the call itself, and what an answer means."""

import re
from collections.abc import Mapping

from service.channels.contract import ChannelError
from service.channels.http import Answer, Http

# RFC 9110 sections 15.5.9, RFC 8470, RFC 6585: too slow, too early, too many: all of them "not now".
_LATER = frozenset({408, 425, 429})
# RFC 9110 sections 15.5.5 and 15.5.11; Standard Webhooks: 410 is "never again".
_GONE = frozenset({404, 410})
# Slack's words for what is wrong, such as `invalid_blocks`. Anything longer or richer may hold what nobody should see.
_WORD = re.compile(rb"[a-z]{1,24}(_[a-z]{1,24}){0,4}")


# On whatever we POST: what comes back to us with it is no news, and must not become an event that tells somebody again.
OURS = "Followthrough-Message"


class Hook:
    """One attempt at one URL. `says_words`: this vendor's answers are one word each, worth showing."""

    def __init__(self, http: Http, *, says_words: bool = False) -> None:
        self._http, self._says_words = http, says_words

    async def deliver(self, body: bytes, headers: Mapping[str, str], address: str) -> None:
        """POST it; raises ChannelError for whatever is not a success.

        | answer | means |
        | --- | --- |
        | 2xx | delivered |
        | 3xx | never by this channel: nobody is followed to another address |
        | 404 410 | the URL is gone: bounced |
        | 408 425 429 | later, not before `Retry-After` |
        | any other 4xx | never by this channel |
        | 5xx, no answer | later, and the server is out of order |
        """
        if address:
            # Sent to the one place there is, it would be read by the wrong people.
            raise ChannelError("it has one place of its own, and a policy names another", permanent=True)
        answer = await self._http.post(body, {"Content-Type": "application/json", OURS: "yes", **headers})
        if not 200 <= answer.status <= 299:
            raise self._meaning(answer)

    def _meaning(self, answer: Answer) -> ChannelError:
        status = answer.status
        text = f"the server said {status}{self._word(answer.body)}"
        if 300 <= status <= 399:
            return ChannelError(f"{text}: it points elsewhere, and is not followed", permanent=True)
        if status in _GONE:
            return ChannelError(f"{text}: the URL is gone", permanent=True, bounced=True)
        if 400 <= status <= 499 and status not in _LATER:
            return ChannelError(text, permanent=True)
        is_outage = status not in _LATER
        return ChannelError(text, retry_after_s=answer.retry_after_s, is_outage=is_outage)

    def _word(self, body: bytes) -> str:
        word = body.strip()
        return f" ({word.decode()})" if self._says_words and _WORD.fullmatch(word) else ""

    async def probe(self) -> str:
        """See `Http.probe`."""
        return await self._http.probe()

    async def close(self) -> None:
        await self._http.close()
