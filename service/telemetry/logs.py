"""Structured logs: lines for people on a terminal, JSON elsewhere, and no secret in either.

`set_up()` once, at start; then `log = get_log()` anywhere and `log.info("event_name", key=value)`. Every event
name is a row of `LOG_EVENTS`; a test finds a name without a row. Ids may be logged; names and texts may not.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

LOG_EVENTS: dict[str, str] = {
    # life of the process
    "stopping": "a stop was asked for; work in hand is finished first",
    "stopped": "everything is stored, nothing of ours is left running",
    "reloaded": "a changed configuration is in force; what is open keeps its policies",
    "reload_refused": "a changed configuration is wrong (the line says where); the old one stays in force",
    "restart_needed": "what has changed was used to open something, and takes effect after a restart",
    # store and shards
    "store_started": "the embedded store was launched by this process",
    "store_down": "the store cannot be reached or refuses to write; nothing is acknowledged meanwhile",
    "going_one_by_one": "earlier owners ended before this batch was stored: one of its events may be the cause",
    "store_tight": "70 % of the memory the store may use is used; at 90 % no event is taken in",
    "store_full": "90 %: no event is taken in or decided; timers and deliveries go on; it resumes by itself",
    "store_roomy": "less than 70 % of the store's memory is used again",
    "standby": "another process owns the shards; this one waits to take over",
    "lease_taken": "this process owns the shards",
    "lease_lost": "another process owns the shards now; this one stands by",
    "rolled_back": "the store was behind what was committed: replayed from there",
    "assigned": "Kafka gave us partitions of a topic; they are loaded before anything is read",
    "shard_loaded": "a partition's shard is owned and stands at its place",
    "fenced": "another owner holds the shard; it is taken again if Kafka still says that it is ours",
    "gap": "a commit found another place stored than its own; the shard reads on from there",
    "place_lost": "Kafka put the consumer elsewhere than we had it; the shard begins again",
    "shard_stopped": "the store and Kafka do not fit together: a person must decide (the line says how)",
    "shard_failed": "a shard ended in an error of ours; it begins again",
    "state_loss_accepted": "a shard goes on although events were lost: `--accept-state-loss` was given",
    "clock_differs": "this machine's clock and the store's differ; timers wait until they agree",
    "cadences_changed": "the configuration has other people in a cadence, or another cadence, than the store knew",
    "people_changed": "events have said something of people; it is in force, beside what the files say",
    "people_left_out": "what an event said of somebody does not count as things are (the line says why)",
    "people_unreadable": "what events said of people cannot be read: an error of ours; the files alone count",
    # decisions
    "poison_timer": "a timer broke its rule: an error of ours; it is tried again later, the others go on",
    "poison_event": "an event broke its rule: an error of ours; it is kept as a dead letter, the others go on",
    "poison_reckoning": "a subject broke its reckoning by another directory: an error of ours; its old time stays",
    "deadly_event": "an event ended the process, each time and alone; it is kept as a dead letter, the others go on",
    "deadly_timer": "a timer ended the process, each time and alone; it is put off, the others go on",
    "pinned_policy_lost": "subjects run under a policy that is neither in force nor in the store",
    "fallback_contact_unreached": "nobody was told, not even the fallback contact: see the dead letters, and doctor",
    # delivery
    "delivered": "a message was handed to its channel",
    "delivery_retried": "an attempt failed and will be made again",
    "delivery_failed": "a message is given up on its channel",
    "delivery_cancelled": "a message is no longer true and was not sent",
    "delivery_waits": "not tried yet: a rate limit, a slow channel, or a breaker's probe goes first",
    "delivery_taken": "another worker settled it first; nothing was recorded twice",
    "delivery_unsettled": "its outcome could not be stored; it stays in the outbox",
    "delivery_crashed": "an attempt ended in an error of ours; it counts as failed",
    "already_sent": "a delivery with this key was settled before; not sent again",
    "breaker_opened": "a channel fails too often and is left alone for a while",
    "breaker_closed": "a channel works again",
    "template_lost": "the pinned version of a template is not in the store; the built-in text is sent instead",
    "template_broke": "a template failed; the built-in text was sent instead",
    # the web
    "request_failed": "a request ended in an error of ours",
    "background_failed": "what went on after a request was answered ended in an error of ours",
}

HIDDEN = "…"
_SECRET_KEY = re.compile(
    r"(?i)token|secret|passw|authori[sz]ation|api_?key|signing_?key|cookie|credential|signature"
)
_SECRET_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/\"']*@"), rf"\1{HIDDEN}@"),  # userinfo of a URL
    (re.compile(r"(/a/)[A-Za-z0-9_.=~%-]+"), rf"\1{HIDDEN}"),  # a signed link
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), rf"\1 {HIDDEN}"),
    # A key and its value inside a sentence: `password=…`, `"token": "…"`.
    (
        re.compile(r"(?i)\b(\w*(?:token|secret|password|api_?key)\w*)([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;})]+"),
        rf"\1\2{HIDDEN}",
    ),
    # Vendors' own marks: Slack tokens, webhook secrets, and addresses whose path is the secret.
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]+|\bxapp-[A-Za-z0-9-]+|\bwh(?:sec|sk)_[A-Za-z0-9+/=]+"), HIDDEN),
    (re.compile(r"(hooks\.slack\.com/)[^\s\"']+"), rf"\1{HIDDEN}"),
    (re.compile(r"([?&]sig=)[^\s&\"']+"), rf"\1{HIDDEN}"),
)
_DEPTH_MAX = 8  # deeper values are shown as text; a log line is no data store


def redact_text(text: str) -> str:
    """`text` without what looks like a secret, wherever it stands in it."""
    for pattern, instead in _SECRET_TEXT:
        text = pattern.sub(instead, text)
    return text


def _redacted(value: object, depth: int = 0) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping) and depth < _DEPTH_MAX:
        return {str(k): _redact_named(str(k), v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH_MAX:
        return [_redacted(item, depth + 1) for item in value]
    return redact_text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))


def _redact_named(name: str, value: object, depth: int = 0) -> object:
    is_secret = (
        _SECRET_KEY.search(name) is not None and not isinstance(value, bool) and value not in (None, "")
    )
    return HIDDEN if is_secret else _redacted(value, depth)


def redact(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """The processor that hides secrets, by their keys' names and their looks. Comes after tracebacks are text."""
    return {name: _redact_named(name, value) for name, value in event.items() if not name.startswith("_")} | {
        name: value for name, value in event.items() if name.startswith("_")
    }


def set_up(level: str = "info", *, json: bool | None = None, stream: TextIO | None = None) -> None:
    """Send every log of this process, ours and the libraries', to `stream` (default: standard error).

    `json` None means: lines for people when the stream is a terminal, JSON otherwise. May be called again.
    """
    out = sys.stderr if stream is None else stream
    as_json = not out.isatty() if json is None else json
    renderer: Processor = (
        structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
        if as_json
        # Not Rich's traceback: it prints local variables, and those hold secrets.
        else structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[redact, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_no_error_of_ours)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # Theirs would print past us.
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger(
        "uvicorn.access"
    ).disabled = True  # `/metrics` counts requests; paths hold signed links.


def _no_error_of_ours(record: logging.LogRecord) -> bool:
    """A client library that tries again by itself calls the first failure an error; for us it is a warning."""
    if record.name.startswith(("aiokafka", "faststream")):
        if record.levelno < logging.WARNING:
            return False
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def get_log() -> FilteringBoundLogger:
    """A logger; cheap, take one at the top of a module."""
    log: FilteringBoundLogger = structlog.get_logger()
    return log
