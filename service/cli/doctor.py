"""`followthrough doctor`: looks at everything the service depends on, and says in plain words what to do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import examine_all, read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, RED, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from service.cli.checks.finding import Finding

    Sections = dict[str, list[Finding]]


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Only ask whether the service lives: a container's health check.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check everything the service depends on.

    Python, configuration, data folder, store, service, channels. Nothing is changed and nothing is sent.

    Example: followthrough doctor
    """
    if live:
        _live(config, as_json=as_json)
        return
    import asyncio

    sections = asyncio.run(_examine(config))
    code = _code(sections)
    if as_json:
        put_json({"ok": code == Exit.FINE, "exit": int(code), "sections": _as_dict(sections)})
    else:
        _print(sections)
    raise typer.Exit(code)


def _live(given: Path | None, *, as_json: bool) -> None:
    """Exit 0 while the process answers; the orchestrator restarts it when this fails."""
    from service.cli.sending import is_live

    web = read_settings(given).service.web
    if not is_live(web):
        raise Failure(Exit.DOWN, f"nothing answers at {web.listen}", "see the log of the service")
    if as_json:
        put_json({"live": True})
    else:
        put("live", GREEN)


async def _examine(given: Path | None) -> "Sections":
    import asyncio

    from service.cli.checks import (
        channels,
        configuration,
        deliveries,
        integrations,
        kafka,
        machine,
        people,
        running,
        store,
    )
    from service.cli.checks.finding import Mark

    found = examine_all(given)
    sections = {"Machine": machine.machine(), "Configuration": configuration.configuration(found, given)}
    settings = found.settings
    if settings is None:
        return sections
    sections["Configuration"] += configuration.public_url(settings)
    sections["Data folder"] = [*configuration.data_dir(settings), *configuration.signing_keys(settings)]
    sections["Service"] = await asyncio.to_thread(running.running, settings, given)
    is_running = sections["Service"][0].mark != Mark.LOOK
    sections["Store"] = await store.store(settings, given, is_running=is_running)
    sections["People"] = await people.people(settings, given)
    if settings.service.kafka_servers:
        sections["Kafka"] = await kafka.kafka(settings)
    sections["Channels"] = [
        *await channels.channels(settings),
        *await deliveries.deliveries(settings, given),
    ]
    if settings.integrations:
        sections["Integrations"] = await integrations.integrations(settings, given)
    return sections


def _code(sections: "Sections") -> Exit:
    """2 when the configuration does not load, 3 when a dependency is down, 1 for anything else red."""
    from service.cli.checks.finding import Mark

    red = [finding for findings in sections.values() for finding in findings if finding.mark == Mark.BAD]
    if not red:
        return Exit.FINE
    if "Service" not in sections:
        return Exit.WRONG
    return Exit.DOWN if any(finding.is_down for finding in red) else Exit.FINDINGS


def _print(sections: "Sections") -> None:
    from service.cli.checks.finding import Mark

    styles = {Mark.FINE: "", Mark.LOOK: YELLOW, Mark.BAD: RED}
    for name, findings in sections.items():
        put(name)
        for finding in findings:
            lines = finding.text.splitlines()
            put(f"  [{finding.mark}] {lines[0]}", styles[finding.mark])
            for line in lines[1:]:
                put(f"      {line}", styles[finding.mark])
            if finding.fix:
                put(f"      → {finding.fix}")
    marks = [finding.mark for findings in sections.values() for finding in findings]
    red, yellow = marks.count(Mark.BAD), marks.count(Mark.LOOK)
    style = RED if red else YELLOW if yellow else GREEN
    say(f"{red} to mend, {yellow} to look at, {marks.count(Mark.FINE)} fine", style)


def _as_dict(sections: "Sections") -> dict[str, list[dict[str, str]]]:
    words = {"✓": "fine", "!": "look", "✗": "bad"}
    return {
        name: [{"state": words[f.mark], "text": f.text, "fix": f.fix} for f in findings]
        for name, findings in sections.items()
    }
