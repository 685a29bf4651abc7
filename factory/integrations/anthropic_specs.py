"""Specs written by a model behind Anthropic's Messages API: structured output, one request a try.

The SDK's own retries are off. Whoever asks waits and asks again: a thread that sleeps here would hold up other items, and an end of the
process would forget how long it has waited.
"""

import json
import logging
import math
import secrets
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import anthropic

from factory.domain.clean import clean_line
from factory.domain.model_prices import cost as price
from factory.domain.model_usage import tokens_of
from factory.domain.spec import SpecProblem
from factory.domain.spec_draft import SCHEMA, Finished, finished, read_draft, title_of
from factory.domain.spec_prompt import SYSTEM, prompt
from factory.ports import Clock
from factory.spec_ports import BadSpec, Cost, SpecOrder, SpecUnavailable, Written

# Its line for each request has the whole address in it, and an address may hold a password.
logging.getLogger("httpx2").setLevel(logging.WARNING)

CONNECT_SECONDS = 20.0
MAX_WAIT_SECONDS = 3_600.0
"""A longer word of the provider is asked about again after an hour: an operator may have changed something meanwhile."""
SET_UP_SECONDS = 300.0
"""Between two tries where a person has to change something: the key, the account, the model's name."""
DECLINED = "The model would not plan this issue. Reword it, or write its tasks as open boxes (`- [ ] ...`): what are they?"
"""The question that stands for a refusal of the model's."""

_MAX_MESSAGE = 300
_UNREADABLE = frozenset({400, 413, 422})
"""What is wrong with the request itself."""
_FOR_A_PERSON = frozenset({401, 402, 403, 404})
_CREDIT = "credit balance"


class AnthropicSpecs:
    """The adapter of `spec_ports.SpecWriter`. The key is in this object and nowhere else.

    Args:
        base_url: where the API is; None for Anthropic's own.
        max_tokens: of an answer.
        timeout: seconds for an answer.
        token: makes what fences are made of.
    """

    reads_repository = True

    def __init__(
        self,
        key: str,
        base_url: str | None,
        *,
        model: str,
        max_tokens: int,
        timeout: float,
        clock: Clock,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._key, self._base_url = key, base_url
        self._bounds = anthropic.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS))
        self._model, self._max_tokens, self._clock, self._token = model, max_tokens, clock, token

    def write(self, order: SpecOrder) -> Written:
        message = self._asked(order)
        cost = _cost(self._model, message)
        if message.stop_reason == "refusal":
            return Written(Finished(title_of(order.issue), questions=(DECLINED,)), self._model, cost)
        if message.stop_reason == "max_tokens":
            raise BadSpec(
                f"The answer is longer than {self._max_tokens:,} tokens (the setting spec_max_tokens): plan it in fewer words.", cost
            )
        draft = read_draft(_json_of(message, cost), may_ask=not order.must_decide)
        if isinstance(draft, SpecProblem):
            raise BadSpec(draft.reason, cost)
        return Written(finished(draft, order.issue, f"the model {self._model}"), self._model, cost)

    def _asked(self, order: SpecOrder) -> anthropic.types.Message:
        text = prompt(order.issue, order.around, order.learnings, self._token(), must_decide=order.must_decide, complaint=order.complaint)
        try:
            # A client each time: minutes lie between two requests, and a connection kept for so long is often dead.
            with anthropic.Anthropic(api_key=self._key, base_url=self._base_url, max_retries=0, timeout=self._bounds) as client:
                return client.messages.create(
                    model=self._model,
                    max_tokens=self._max_tokens,
                    system=SYSTEM,
                    messages=[{"role": "user", "content": text}],
                    output_config={"format": {"type": "json_schema", "schema": dict(SCHEMA)}},
                )
        except anthropic.APIStatusError as error:
            raise self._meaning(error) from None
        except anthropic.APITimeoutError:
            raise SpecUnavailable(f"The model {self._model} did not answer in time.") from None
        except (anthropic.APIConnectionError, anthropic.APIResponseValidationError, ValueError) as error:
            # What is no JSON in spite of its status comes from something in between.
            raise SpecUnavailable(f"The model's API cannot be reached ({clean_line(error, _MAX_MESSAGE)}).") from None

    def _meaning(self, error: anthropic.APIStatusError) -> SpecUnavailable | BadSpec:
        status, said = error.status_code, clean_line(error.api_message or "no message", _MAX_MESSAGE).rstrip(".")
        if status in _FOR_A_PERSON or (status in _UNREADABLE and _CREDIT in said.lower()):
            mend = "check ANTHROPIC_API_KEY, its account, and the setting spec_model"
            return SpecUnavailable(f"The model {self._model} cannot be used ({status}: {said}): {mend}.", SET_UP_SECONDS)
        if status in _UNREADABLE:
            return BadSpec(f"The model's API does not take the question ({status}: {said}).")
        return SpecUnavailable(f"The model's API answers {status}: {said}.", wait_of(error.response.headers, self._clock.now()))


def wait_of(headers: Mapping[str, str], now: float) -> float:
    """Seconds that Retry-After asks for, 0 where it does not.

    Args:
        headers: found by names in lower case.
        now: Unix seconds; the answer's own date is preferred to it.
    """
    said = headers.get("retry-after", "")
    seconds = _number(said)
    if seconds is None:
        at, here = _date(said), _date(headers.get("date", ""))
        seconds = 0.0 if at is None else at - (now if here is None else here)
    return min(max(seconds, 0.0), MAX_WAIT_SECONDS)


def _number(said: str) -> float | None:
    try:
        number = float(said)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(said: str) -> float | None:
    try:
        return parsedate_to_datetime(said).timestamp()
    except (ValueError, OverflowError):
        return None


def _cost(model: str, message: anthropic.types.Message) -> Cost:
    tokens = tokens_of(message.usage.model_dump())
    return Cost(model, tokens.prompt, tokens.output, price(model, tokens))


def _json_of(message: anthropic.types.Message, cost: Cost) -> Any:  # noqa: ANN401 - any JSON
    text = "".join(block.text for block in message.content if block.type == "text")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadSpec("The answer is no JSON.", cost) from None
