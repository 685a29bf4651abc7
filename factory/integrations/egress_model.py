"""The model's API for workers that have no key: asked under this machine's, counted, and refused at the cap.

POST /anthropic/v1/messages, /anthropic/v1/messages/count_tokens · GET /anthropic/v1/models[/ID] · HEAD /anthropic/
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11
import httpcore2

from factory.domain.model_usage import UsageReader
from factory.integrations.egress_accounts import Account, Exhausted, OverBudget
from factory.integrations.egress_calls import Asked, read_call
from factory.integrations.egress_http import Client, TooLarge, header, passed_on
from factory.integrations.egress_relay import NoAnswer, asked, hand_on

PREFIX = "/anthropic"
MAX_BODY = 32 * 1024 * 1024
"""The provider's own limit."""
_CALLS = re.compile(r"POST /v1/messages(?:/count_tokens)?|GET /v1/models(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?|HEAD /?")
_CHARGED = "/v1/messages"
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """What this machine has for the model.

    Attributes:
        url: of the provider.
        key: added to each call; empty where workers hold a token themselves.
        token: the only one that a worker may show, where there is no key. Another one would be somebody else's account.
    """

    url: str
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class ModelProxy:
    """Answers requests below `PREFIX`."""

    def __init__(self, access: ModelAccess, servers: httpcore2.AsyncConnectionPool) -> None:
        self._access, self._servers = access, servers
        self._host = urlsplit(access.url).netloc.encode()

    async def answer(self, request: h11.Request, client: Client, account: Account) -> None:
        """Raises what `Client` does; everything else is an answer."""
        target = request.target.decode("ascii").removeprefix(PREFIX)
        with account.holding() as held:
            body = await _body(client, held)
            if body is not None:
                await self._answer(request, target, body, client, account)

    async def _answer(self, request: h11.Request, target: str, body: bytes, client: Client, account: Account) -> None:
        path = target.partition("?")[0]
        told = read_call(body) if path.startswith(_CHARGED) else Asked()
        why = self._refusal(f"{request.method.decode()} {path}", request, account, told)
        if why is not None:
            await _say(client, *why)
        elif path == _CHARGED and told is not None:
            await self._charged(request, target, body, client, account, told=told)
        else:
            await self._ask(request, target, body, client, None)

    def _refusal(self, call: str, request: h11.Request, account: Account, told: Asked | None) -> tuple[int, str, str] | None:
        if not account.grant.model:
            return 403, "permission_error", "this worker may not call the model"
        if not _CALLS.fullmatch(call):
            return 404, "not_found_error", f"a worker may not call {call[:200]}"
        if told is None:
            return 400, "invalid_request_error", "the request is no JSON object of the Messages API"
        if told.opens:
            return 400, "invalid_request_error", "tools and sources with which the provider opens addresses are not allowed in a worker"
        if self._access.key or hmac.compare_digest(_bearer(request), self._access.token.encode()):
            return None
        return 401, "authentication_error", "this is not the token that the worker was given"

    async def _charged(self, request: h11.Request, target: str, body: bytes, client: Client, account: Account, *, told: Asked) -> None:
        try:
            async with account.call(told.model, len(body), told.max_tokens):
                await self._ask(request, target, body, client, account, model=told.model)
        except OverBudget as over:
            # 400: of all answers the one that no client tries again, or takes for a login that does not work.
            await _say(client, 400, "invalid_request_error", str(over))
        except TimeoutError:
            await _say(client, 529, "overloaded_error", "too many calls of this attempt wait for their turn")

    async def _ask(
        self, request: h11.Request, target: str, body: bytes, client: Client, account: Account | None, *, model: str = ""
    ) -> None:
        try:
            async with asked(
                self._servers, bytes(request.method), self._access.url + target, self._headers(request, body), body
            ) as response:
                reader = UsageReader(header(response.headers, b"content-type"))
                try:
                    # Also where the worker has hung up: the answer was made, and what it cost stands in it.
                    await hand_on(response, client, reader.feed, lambda: account is not None and not reader.is_counted)
                finally:
                    if account is not None and response.status in _SUCCESS:
                        named, tokens = reader.result()
                        account.charge(named or model, tokens)
        except NoAnswer as error:
            if client.has_begun:
                raise
            await _say(client, 502, "api_error", f"the model's provider cannot be reached: {error}")

    def _headers(self, request: h11.Request, body: bytes) -> list[tuple[bytes, bytes]]:
        headers = passed_on(
            request.headers, b"host", b"content-length", b"accept-encoding", b"expect", b"cookie", b"authorization", b"x-api-key"
        )  # fmt: skip
        key = (
            (b"x-api-key", self._access.key.encode()) if self._access.key else (b"authorization", b"Bearer " + self._access.token.encode())
        )
        # Compressed, its tokens could not be counted while it passes.
        return [(b"host", self._host), *headers, key, (b"accept-encoding", b"identity"), (b"content-length", str(len(body)).encode())]


async def _body(client: Client, held: Callable[[int], None]) -> bytes | None:
    body = bytearray()
    try:
        async for piece in client.body(MAX_BODY):
            held(len(piece))
            body += piece
    except (TooLarge, Exhausted) as error:
        await _say(client, 413, "request_too_large", str(error))
        return None
    return bytes(body)


def _bearer(request: h11.Request) -> bytes:
    return header(request.headers, b"authorization").removeprefix("Bearer ").encode("latin-1")


async def _say(client: Client, status: int, kind: str, message: str) -> None:
    """An error as the provider words it, so that engines tell it as such."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    await client.answer(status, "application/json", body, ("x-should-retry", "true" if status >= 500 else "false"))  # noqa: PLR2004
