"""Faults inside the factory's own processes, for sites with `PLANTS` in their settings. Python imports this file in each of them.

Nothing of the product is changed: when `actors.base` is imported, its actors are made to look at files in the folder of holds first.

    plant-<Class>-start          its actor's start does not end while the file is there
    plant-<Class>-raise          its next turn raises what the file names, once: SystemExit, KeyboardInterrupt, RuntimeError
    plant-clock                  seconds that the wall clock of every process is wrong by
"""

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

_BASE = "actors.base"
_POLL_SECONDS = 0.02
_real_time = time.time  # noqa: TID251 - what is made wrong


def _folder() -> Path:
    return Path(os.environ.get("FACTORY_HOLD_DIR", "/nonexistent"))


def _wrong_time() -> float:
    try:
        return _real_time() + float((_folder() / "plant-clock").read_text())
    except (OSError, ValueError):
        return _real_time()


def _block(actor: object) -> None:
    path, pause = _folder() / f"plant-{type(actor).__name__}-start", threading.Event()
    while path.exists():
        with suppress(OSError):
            (_folder() / f"blocked-{os.getpid()}").touch()
        pause.wait(_POLL_SECONDS)


def _fail(actor: object) -> None:
    path = _folder() / f"plant-{type(actor).__name__}-raise"
    if path.exists():
        name = path.read_text()
        # Taken away first: the replacement must not find it.
        path.unlink()
        raise getattr(builtins, name)("planted")


def _plant(module: ModuleType) -> None:
    actor = module.FactoryActor
    take, setup = actor._take, actor._actor_loop_setup

    def planted_take(self: Any, turn: Any) -> Any:
        if turn.mails or turn.ready or turn.tick:
            _fail(self)
        return take(self, turn)

    def planted_setup(self: Any) -> None:
        _block(self)
        setup(self)

    actor._take, actor._actor_loop_setup = planted_take, planted_setup


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as all others do, and has its loader plant the faults once it is there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _BASE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _plant(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if "FACTORY_HOLD_DIR" in os.environ:
    time.time = _wrong_time  # noqa: TID251
    sys.meta_path.insert(0, _Finder())
