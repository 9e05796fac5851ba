"""`run --role`: what runs apart must share what it signs and reads."""

from tests.cli.shell import Shell


def test_roles_that_run_apart_need_a_key_they_share(shell: Shell) -> None:
    done = shell("run", "--role", "deliver")

    assert done.code == 2
    assert "signing_keys are needed when roles run apart" in done.err


def test_an_unknown_role_is_refused_with_those_there_are(shell: Shell) -> None:
    done = shell("run", "--role", "delivery")

    assert done.code == 2
    assert "all, worker, deliver, web" in done.err
