"""What the simulation proves, it proves of the code that the processes run: it has no copy of any of it."""

import ast
import importlib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, imported, modules, tree

REAL = (
    "actors.work_queue.WorkQueue",
    "actors.dispatcher.Dispatcher",
    "actors.worker.WorkerActor",
    "actors.lock_manager.LockManager",
    "actors.limiter.Limiter",
    "actors.gateway.Gateway",
    "actors.delivery.Delivery",
    "factory.domain.supervision_decide.decide",
    "factory.storage.work_items.WorkItems",
    "factory.storage.locks.LockStore",
    "factory.storage.limits.LimitStore",
    "factory.storage.outbox.OutboxStore",
    "factory.storage.pull_requests.PullRequestRows",
    "worker_agent.session.Session",
)


def simulation() -> set[str]:
    """Everything that the simulation imports."""
    return {name for module in modules("tests/simulation") for _, name in imported(module)}


@pytest.mark.parametrize("name", REAL)
def test_the_simulation_runs_what_the_processes_run(name: str) -> None:
    module, _, attribute = name.rpartition(".")

    assert name in simulation()
    found = getattr(importlib.import_module(module), attribute)
    assert found.__module__ == module
    assert (ROOT / Path(*module.split("."))).with_suffix(".py").is_file()


def test_the_simulation_makes_none_of_them_anew() -> None:
    ours = {name for module in modules("tests/simulation") for name in made(module)}

    assert ours & {name.rpartition(".")[2] for name in REAL} == set()


def made(module: Path) -> set[str]:
    """Public classes and functions at the top of a module."""
    nodes = (node for node in tree(module).body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    return {node.name for node in nodes if not node.name.startswith("_")}
