"""The operator's environment may hold every key there is: who of a running factory can see what of it."""

import json
from pathlib import Path

import psutil

from tests.real_factory import RealFactory, real_factory
from tests.waiting import eventually

CANARY = "canary-in-the-environment"
FOR_GIT = ("SSH_AUTH_SOCK", "GH_TOKEN", "https_proxy")
SECRETS = (*FOR_GIT, "AWS_SECRET_ACCESS_KEY", "GITLAB_TOKEN", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "PGPASSWORD", "MY_OWN")

SSH = """#!/usr/bin/env python3
import json, os, sys
json.dump(dict(os.environ), open({seen!r}, "w"))
sys.exit(255)
"""


def tellers(factory: RealFactory) -> dict[str, set[str]]:
    """Every process but the root that was started with a canary, and the names it has of them."""
    root = factory.root.pid if factory.root else 0
    below = {*psutil.Process(root).children(recursive=True), *factory.processes()}
    others = [process for process in below if process.pid != root]
    assert len(others) > len(factory.view("tree")["tree"])
    told = {_shown(process): {name for name, value in _environ(process).items() if CANARY in value} for process in others}
    return {process: names for process, names in told.items() if names}


def _shown(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:100]}"
    except psutil.Error:
        return f"{process.pid} that is gone"


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def core_bytes(pid: int) -> str:
    """What a crash may write of a process."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.split()[5] for line in lines if line.startswith("Max core file size"))


def test_no_process_but_the_root_carries_the_operators_secrets_and_git_gets_its_own(tmp_path: Path) -> None:
    """S4: credentials only where they are used."""
    seen = tmp_path / "seen.json"
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH.format(seen=str(seen)))
    ssh.chmod(0o755)
    flag = tmp_path / "runs"
    canaries = dict.fromkeys(SECRETS, CANARY)
    with real_factory({**canaries, "GIT_SSH_COMMAND": str(ssh)}) as factory:
        agent = factory.folder / "waits.sh"
        agent.write_text(f"#!/bin/sh\nenv > {factory.folder}/agent-env\ntouch {flag}\nexec sleep 300\n")
        agent.chmod(0o755)
        factory.up()
        factory.submit(factory.remote("plain"), engine=f"command:{agent}")
        factory.submit(Path("ssh://git@nowhere.invalid/o/r"))
        eventually(flag.exists, 60, lambda: f"the agent runs; {factory.log()}")
        eventually(lambda: seen.exists() and seen.read_text().endswith("}"), 60, lambda: f"git asks ssh; {factory.log()}")

        assert all(names <= set(FOR_GIT) for names in tellers(factory).values())
        # Git asks again and again, and has what it needs for as long as it runs.
        eventually(lambda: not tellers(factory), 60, lambda: f"only git may have been told: {tellers(factory)}")
        assert CANARY not in (factory.folder / "agent-env").read_text()
        by_git = json.loads(seen.read_text())
        assert {name for name, value in by_git.items() if value == CANARY} == set(FOR_GIT)
        assert CANARY not in (factory.paths.logs / "factory.log").read_text()
        assert {name: limit for name, pid in factory.pids().items() if (limit := core_bytes(pid)) != "0"} == {}
