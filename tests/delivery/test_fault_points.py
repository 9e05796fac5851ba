"""A fault run can kill the process at named points; without the variable a point does nothing."""

import os
import subprocess
import sys

PROGRAM = """
from service.telemetry.faultpoint import fault_point
for n in range(5):
    fault_point("before_send")
    print(n, flush=True)
    fault_point("after_send")
"""


def run(fault: str) -> tuple[int, list[str]]:
    environment = {**os.environ, "FAULT": fault}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.split()


def test_it_dies_at_the_third_hit_of_the_point_it_was_told() -> None:
    assert run("after_send:3") == (137, ["0", "1", "2"])
    assert run("before_send:3") == (137, ["0", "1"])
    assert run("before_send") == (137, [])


def test_it_lives_when_no_point_or_another_one_is_named() -> None:
    assert run("") == (0, list("01234"))
    assert run("after_commit:1") == (0, list("01234"))
