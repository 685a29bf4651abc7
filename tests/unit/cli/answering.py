"""A factory that only answers, and commands as a shell runs them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

from factory.paths import Paths, claim
from factory.protocol.commands import AnyRequest, Query, Reply
from factory.transport.command_link import CommandServer

SECONDS = 60
FACTORY = [sys.executable, "-P", "-m", "factory.cli"]


class Answering:
    """The command socket of a factory that knows its answers by heart."""

    def __init__(self, paths: Paths, answer: Callable[[AnyRequest], Reply]) -> None:
        self._server = CommandServer(paths.run)
        self._answer = answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._claim = claim(paths)
        self.asked: list[Any] = []

    def __enter__(self) -> Self:
        self._claim.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        self._claim.__exit__(None, None, None)

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._server.pollable().poll(20)
            for reply_to, request in self._server.drain():
                self.asked.append(request)
                self._server.reply(reply_to, self._answer(request))
        self._server.close()


def by_heart(**answers: Reply) -> Callable[[AnyRequest], Reply]:
    """By the name of the view, or `change` for what is none."""
    return lambda request: answers[request.what if isinstance(request, Query) else "change"]


def run(paths: Paths, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*FACTORY, *words],
        env={**os.environ, "FACTORY_DATA": str(paths.data), "FACTORY_RUN": str(paths.run), **environ},
        cwd=paths.data,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
