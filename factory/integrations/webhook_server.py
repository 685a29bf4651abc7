"""The web server that takes webhooks in: one route, on a thread of its own, in a process that holds no other credential.

POST /webhooks/github     202 kept, also where it came before · 400 no webhook · 401 not signed · 413 too large · 503 no store
GET  /healthz             200 while it serves
"""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from factory.domain.webhook import MAX_BYTES, hint_of, is_delivery_id, is_signed
from factory.errors import Broken, Retryable
from factory.webhook_ports import WebhookInbox

log = logging.getLogger(__name__)

BODY_SECONDS = 10.0
"""GitHub gives up after as long."""
STOP_SECONDS = 3.0
_MAX_CONNECTIONS = 128
_BACKLOG = 64


class WebhookServer:
    """The adapter of `webhook_ports.WebServer`.

    Args:
        address: host and port; port 0 takes a free one.
        secrets: any of which may have signed a delivery.
        inbox: used by one thread of this server's own.
    """

    def __init__(self, address: tuple[str, int], secrets: Sequence[str], inbox: WebhookInbox) -> None:
        self._address, self._secrets, self._inbox = address, tuple(secrets), inbox
        self._store = ThreadPoolExecutor(1, "webhook store")
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        listening = self._listening()
        host, port = listening.getsockname()[:2]
        config = uvicorn.Config(
            self._app(), log_config=None, access_log=False, lifespan="off", limit_concurrency=_MAX_CONNECTIONS, timeout_keep_alive=5,
            timeout_graceful_shutdown=int(STOP_SECONDS), server_header=False, proxy_headers=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._server.serve([listening]),), name="webhooks", daemon=True)
        self._thread.start()
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2 * STOP_SECONDS)
        self._store.shutdown(wait=True, cancel_futures=True)

    def _listening(self) -> socket.socket:
        host, port = self._address
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            # It sets SO_REUSEADDR, so that a restart need not wait for connections of its predecessor.
            return socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            why = error.strerror or str(error)
            raise Broken(f"http_listen: nothing can be served at {host}:{port} ({why}); choose another address or port.") from None

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.add_api_route("/webhooks/github", self._github, methods=["POST"])
        app.add_api_route("/healthz", _healthy, methods=["GET"])
        return app

    async def _github(self, request: Request) -> Response:
        body = await _body(request)
        if isinstance(body, Response):
            return body
        if not is_signed(self._secrets, body, request.headers.get("x-hub-signature-256", "")):
            return _says(401, "the signature is not of a secret that this factory knows")
        delivery, event = (request.headers.get(name, "") for name in ("x-github-delivery", "x-github-event"))
        payload = _payload(body)
        if payload is None or not is_delivery_id(delivery):
            return _says(400, "this is no webhook of GitHub: its content type has to be application/json")
        return await self._kept(delivery, event, payload)

    async def _kept(self, delivery: str, event: str, payload: Mapping[str, Any]) -> Response:
        take = asyncio.get_running_loop().run_in_executor(self._store, self._inbox.take, delivery, event, hint_of(event, payload))
        try:
            new = await take
        except Retryable as error:
            # GitHub shows it as failed and may be asked to send it again; the poll finds what it was about in any case.
            log.warning("a webhook could not be kept: %s", error)
            return _says(503, "the factory cannot keep it now")
        return _says(202, "kept" if new else "known")


async def _healthy() -> Response:
    return _says(200, "it serves")


async def _body(request: Request) -> bytes | Response:
    """What was sent, as it was sent; refused before it is read where its length is known to be too much."""
    if not request.headers.get("content-length", "0").isdecimal() or int(request.headers.get("content-length", "0")) > MAX_BYTES:
        return _says(413, f"a body has at most {MAX_BYTES} bytes")
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                read += part
                if len(read) > MAX_BYTES:
                    return _says(413, f"a body has at most {MAX_BYTES} bytes")
    except TimeoutError:
        return _says(408, "the body did not come to an end")
    return bytes(read)


def _payload(body: bytes) -> Mapping[str, Any] | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _says(status: int, sentence: str) -> Response:
    # After a refusal the rest of what is sent is nobody's: the connection goes with it.
    headers = {"connection": "close"} if status >= HTTPStatus.BAD_REQUEST else None
    return Response(json.dumps({"message": sentence}), status, headers, media_type="application/json")
