"""What one attempt may spend on its model, and what it has spent (pure)."""

from dataclasses import dataclass
from typing import Literal

from factory.domain.model_prices import Tokens, cost, dollars

OVER_BUDGET = "over_budget"
"""Begins the reason of an attempt that was ended for it, and stands in the answer to each call beyond the cap."""

_RESERVED_OUTPUT = 16_000
_MOST_OUTPUT = 1_000_000
_BYTES_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Spend:
    """So far. `micros`: millionths of a US dollar; `calls`: those that were answered."""

    tokens: int = 0
    micros: int = 0
    calls: int = 0

    def with_call(self, model: str, tokens: Tokens) -> "Spend":
        return Spend(self.tokens + tokens.counted, self.micros + cost(model, tokens), self.calls + 1)

    def at_least(self, other: "Spend") -> "Spend":
        """The later of two accounts of the same attempt."""
        return Spend(max(self.tokens, other.tokens), max(self.micros, other.micros), max(self.calls, other.calls))


@dataclass(frozen=True, slots=True)
class Caps:
    """0 where there is none."""

    tokens: int = 0
    micros: int = 0

    def exceeded(self, spend: Spend) -> str:
        """The sentence that says so; empty while there is room."""
        if self.micros and spend.micros >= self.micros:
            return f"{OVER_BUDGET}: the attempt has used {dollars(spend.micros)} of {dollars(self.micros)} (attempt_cost_cap)"
        if self.tokens and spend.tokens >= self.tokens:
            return f"{OVER_BUDGET}: the attempt has used {spend.tokens:,} of {self.tokens:,} tokens (attempt_token_cap)"
        return ""


def reservation(model: str, body_bytes: int, max_tokens: int = 0) -> Spend:
    """About what a call may come to, before it is made: counted against the cap while others are under way."""
    output = min(max(max_tokens, _RESERVED_OUTPUT), _MOST_OUTPUT)
    return Spend().with_call(model, Tokens(input=body_bytes // _BYTES_A_TOKEN, output=output))


def admission(caps: Caps, spend: Spend, under_way: list[Spend]) -> Literal["now", "later", "never"]:
    """Whether the next call may be made. Near the cap calls go one by one, so that all together pass it by one at most."""
    if caps.exceeded(spend):
        return "never"
    expected = Spend(spend.tokens + sum(each.tokens for each in under_way), spend.micros + sum(each.micros for each in under_way))
    return "later" if under_way and caps.exceeded(expected) else "now"
