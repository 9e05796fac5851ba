"""The running service and a changed configuration, as whoever runs it sees them: files, a signal, pages, commands."""

import json
import signal
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.cli.shell import Shell, wait_for

pytestmark = pytest.mark.server


def asked(shell: Shell, path: str) -> Any:
    try:
        with urlopen(f"http://127.0.0.1:{shell.port}{path}") as answer:
            return json.load(answer)
    except OSError:
        return None


def reloads(shell: Shell, outcome: str) -> float:
    with urlopen(f"http://127.0.0.1:{shell.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    name = f'followthrough_reloads_total{{outcome="{outcome}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def policy(shell: Shell, after: str) -> str:
    """The one policy in force: the owner hears so long after the moment."""
    steps = [{"id": "missed", "at": after, "notify": "owner"}]
    path = shell.config / "policies" / "ladder.yaml"
    path.write_text(json.dumps({"policy": "ladder", "for": "deadline", "steps": steps}))
    return str(path)


def hours_after(shell: Shell, bare_id: str) -> float:
    """How long after its deadline the commitment is looked at next."""
    known = wait_for(lambda: asked(shell, f"/v1/commitments/deadline/{bare_id}"))
    at, due_at = (datetime.fromisoformat(known[name]) for name in ("next_timer_at", "due_at"))
    return (at - due_at) / timedelta(hours=1)


def made(shell: Shell, bare_id: str) -> float:
    due_at = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    data = {"commitment_id": bare_id, "title": "Call", "owner": "ana", "due_at": due_at}
    event = {"specversion": "1.0", "id": bare_id, "source": "test", "type": "deadline.set", "data": data}
    kind = {"Content-Type": "application/cloudevents+json"}
    url = f"http://127.0.0.1:{shell.port}/v1/events"
    with urlopen(Request(url, json.dumps(event).encode(), kind)) as answer:
        assert answer.status == 202
    return hours_after(shell, bare_id)


def test_a_changed_configuration_is_in_force_for_what_is_new_and_a_wrong_one_is_named(shell: Shell) -> None:
    for path in (shell.config / "policies").iterdir():
        path.unlink()
    policy(shell, "1 hour after")
    service = shell.start("run")
    try:
        wait_for(lambda: (asked(shell, "/health/ready") or {}).get("role") == "owner")
        assert made(shell, "c1") == 1

        policy(shell, "3 hours after")
        wait_for(lambda: reloads(shell, "applied") == 1)

        assert made(shell, "c2") == 3
        assert hours_after(shell, "c1") == 1

        broken = policy(shell, "5 ours after")
        wait_for(lambda: reloads(shell, "refused") == 1)

        ready = asked(shell, "/health/ready")
        assert ready["status"] == "ready"
        [warning] = ready["warnings"]
        assert warning.startswith(
            f"the changed configuration is refused, the old one is in force: {broken}:1:"
        )
        assert made(shell, "c3") == 3
        doctor = shell("doctor")
        assert doctor.code == 2
        assert f"1 problem, the first: {broken}:1:" in doctor.out

        policy(shell, "5 hours after")
        wait_for(lambda: reloads(shell, "applied") == 2)
        assert asked(shell, "/health/ready")["warnings"] == []
        assert made(shell, "c4") == 5

        service.send_signal(signal.SIGHUP)
        wait_for(lambda: reloads(shell, "applied") == 3)
        assert service.poll() is None
        service.terminate()
        assert service.wait(20) == 0
    finally:
        if service.poll() is None:
            service.kill()
        _, said = service.communicate()
    assert '"event": "reload_refused"' in said
    assert f"{broken}:1:" in said
