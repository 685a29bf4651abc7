"""A git server over HTTP in a process of its own: `git http-backend` behind a server that can fail before or after the effect.

Run as `python git_server.py FOLDER`; FOLDER holds the bare repositories. The port is written to FOLDER/port. Each ref update of a push is
a line `ref old new` of FOLDER/ledger, written by the repositories' own post-receive hook. POST /_control takes a `Trouble` in JSON,
GET /_control tells which troubles came to pass. Standard library only.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LEDGER = "ledger"
_BACKEND_SECONDS = 60


class Troubles:
    """What is still to go wrong, in the order in which it was told, and what did."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[dict[str, Any]] = []
        self._fired: list[dict[str, Any]] = []

    def plan(self, trouble: dict[str, Any]) -> None:
        with self._lock:
            self._planned = [] if trouble.get("how") == "none" else [*self._planned, trouble]

    def next(self, path: str, method: str) -> dict[str, Any]:
        """The trouble for this request, an empty one where there is none."""
        with self._lock:
            for trouble in self._planned:
                if trouble["part"] in f"{method} {path}" and trouble["times"] > 0:
                    trouble["times"] -= 1
                    self._fired.append({"how": trouble["how"], "request": f"{method} {path}"})
                    return trouble
        return {}

    def fired(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._fired)


class Handler(BaseHTTPRequestHandler):
    """One connection. Who makes the server sets `root` and `troubles` on a class of its own."""

    protocol_version = "HTTP/1.1"
    root: Path
    troubles: Troubles

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
        """Says nothing: the ledger and the troubles tell what happened."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _serve(self, body: bytes) -> None:
        if self.path == "/_control":
            if self.command == "POST":
                self.troubles.plan(json.loads(body))
            self._answer(200, [("Content-Type", "application/json")], json.dumps(self.troubles.fired()).encode())
            return
        trouble = self.troubles.next(self.path, self.command)
        how = trouble.get("how", "")
        if how == "delay":
            threading.Event().wait(trouble["seconds"])
        elif how.endswith("_before"):
            self._fail(trouble)
            return
        answer = backend(self.root, self.command, self.path, body, self.headers.get)
        if how.endswith("_after"):
            self._fail(trouble)
        else:
            self._answer(*answer)

    def _fail(self, trouble: dict[str, Any]) -> None:
        self.close_connection = True
        if trouble["how"].startswith("error"):
            self._answer(int(trouble["status"]), [("Content-Type", "text/plain")], b"planned trouble\n")
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)


def backend(
    root: Path, method: str, target: str, body: bytes, header: Callable[[str, str], str]
) -> tuple[int, list[tuple[str, str]], bytes]:
    """One request through git's own CGI program."""
    path, _, question = target.partition("?")
    settings = {"http.receivepack": "true", "safe.directory": "*", "core.hooksPath": str(root / "hooks")}
    configured = {
        name: value
        for number, (key, setting) in enumerate(settings.items())
        for name, value in ((f"GIT_CONFIG_KEY_{number}", key), (f"GIT_CONFIG_VALUE_{number}", setting))
    }
    environment = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": method,
        "PATH_INFO": path, "QUERY_STRING": question, "CONTENT_TYPE": header("content-type", ""), "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": header("content-encoding", ""), "GIT_PROTOCOL": header("git-protocol", ""), "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": "factory", "GIT_CONFIG_COUNT": str(len(settings)), **configured,
    }  # fmt: skip
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False, timeout=_BACKEND_SECONDS)
    head, _, data = done.stdout.partition(b"\r\n\r\n")
    lines = [line.partition(":") for line in head.decode("latin1").splitlines()]
    fields = [(name, value.strip()) for name, _, value in lines if name.lower() not in {"status", "content-length"}]
    status = next((int(value.split()[0]) for name, _, value in lines if name.lower() == "status"), 200)
    return status, fields, data


def main(root: Path) -> None:
    hooks = root / "hooks"
    hooks.mkdir(exist_ok=True)
    hook = hooks / "post-receive"
    hook.write_text(f'#!/bin/sh\nwhile read -r old new ref; do echo "$ref $old $new" >> "{root / LEDGER}"; done\n')
    hook.chmod(0o755)
    serving = type("Serving", (Handler,), {"root": root, "troubles": Troubles()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), serving)
    server.daemon_threads = True
    port = root / "port.new"
    port.write_text(str(server.server_address[1]))
    port.rename(root / "port")
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
