"""What tokens of Anthropic's models cost (pure): list prices, by the beginning of a model's name.

They change; a cap in money is as good as this table. A model that is not in it counts as the dearest one that is.
"""

import math
from dataclasses import dataclass

AS_OF = "2026-10-24"
"""When the table was last compared with the provider's published prices."""

_MILLION = 1_000_000
_SEARCH = 0.01
"""US dollars for a search of the web."""
_IN_US = 1.1
_FAST = {"claude-opus-5-5": 2.0}
_FAST_ELSEWHERE = 6.0
"""Times the price, of models whose fast mode is not known to cost less."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens. Writing to the cache costs 1.25 times the input for five minutes, twice for an hour.

    Attributes:
        above: input tokens beyond which a call costs `long` in everything; 0 where there is no such border.
    """

    input: float
    output: float
    cache_read: float
    above: int = 0
    long: "Price | None" = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one call, as the provider counts them. `cache_write` keeps for five minutes, `cache_write_long` for an hour.

    Attributes:
        searches: of the web, by a tool of the provider's own.
        fast: answered in the dearer, faster mode.
        in_us: computed in the United States alone, for a surcharge.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    searches: int = 0
    fast: bool = False
    in_us: bool = False

    @property
    def counted(self) -> int:
        """What a cap on tokens counts: without what was read from the cache, as engines count theirs."""
        return self.input + self.output + self.cache_write + self.cache_write_long

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write + self.cache_write_long


DEAREST = Price(15.0, 75.0, 1.5)

# The first that fits: what begins like another stands before it.
_PRICES: tuple[tuple[str, Price], ...] = (
    ("claude-haiku-5-5", Price(0.1, 0.5, 0.01, 100_000, Price(0.5, 2.5, 0.05))),
    ("claude-sonnet-5-5", Price(2.0, 10.0, 0.1)),
    ("claude-opus-5-5", Price(4.0, 20.0, 0.2)),
    ("claude-fable-5-1", Price(10.0, 50.0, 0.25)),
    ("claude-mythos-5-1", Price(10.0, 50.0, 0.25)),
    ("claude-fable-5", Price(10.0, 50.0, 1.0)),
    ("claude-mythos-5", Price(10.0, 50.0, 1.0)),
    ("claude-opus-5", Price(5.0, 25.0, 0.5)),
    ("claude-opus-4-1", DEAREST),
    ("claude-opus-4-2", DEAREST),  # the first of them has its date behind the number
    ("claude-opus-4-0", DEAREST),
    ("claude-opus-4", Price(5.0, 25.0, 0.5)),
    ("claude-sonnet-5", Price(2.0, 10.0, 0.2)),
    ("claude-sonnet", Price(3.0, 15.0, 0.3)),
    ("claude-haiku", Price(1.0, 5.0, 0.1)),
)


def price_of(model: str) -> Price:
    """The price of a model by its name, whatever version or suffix stands behind it."""
    return next((price for name, price in _PRICES if model.startswith(name)), DEAREST)


def cost(model: str, tokens: Tokens) -> int:
    """Millionths of a US dollar, rounded up: whole numbers, so that sums do not drift."""
    price = price_of(model)
    if price.long is not None and tokens.prompt > price.above:
        price = price.long
    written = 1.25 * tokens.cache_write + 2.0 * tokens.cache_write_long
    spent = (price.input * (tokens.input + written) + price.output * tokens.output + price.cache_read * tokens.cache_read) / _MILLION
    if tokens.fast:
        spent *= next((times for name, times in _FAST.items() if model.startswith(name)), _FAST_ELSEWHERE)
    if tokens.in_us:
        spent *= _IN_US
    return math.ceil(round((spent + _SEARCH * tokens.searches) * _MILLION, 3))


def dollars(micros: int) -> str:
    """For people."""
    return f"${micros / _MILLION:,.2f}"
