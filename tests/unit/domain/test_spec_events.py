"""What is told of specs in an item's timeline: who wrote, for what, and why there is none yet."""

import pytest

from factory.domain.events import EventType
from factory.domain.timeline import in_words, kind_of

SPENT = {"model": "m", "input_tokens": 1_000, "output_tokens": 200}


@pytest.mark.parametrize(
    ("event", "data", "words"),
    [
        (EventType.SPEC_DRAFTED, {"by": "m", **SPENT}, "a spec was drafted by m (1,200 tokens)"),
        (EventType.SPEC_DRAFTED, {"by": "m", **SPENT, "micros": 12_340}, "a spec was drafted by m (1,200 tokens, $0.01)"),
        (EventType.SPEC_DRAFTED, {"by": "spec_command"}, "a spec was drafted by spec_command"),
        (EventType.SPEC_FAILED, {"why": "busy", "model": "", "input_tokens": 0, "output_tokens": 0}, "no spec yet: busy"),
        (EventType.SPECIFIED, {"by": "m", "tokens": 1_200, "status": "queued"}, "its spec is written, by m"),
        (EventType.QUESTIONED, {"questions": ["Which?", "When?"]}, "no spec before this is answered: Which? When?"),
    ],
)
def test_events_of_specs_are_told_in_words(event, data, words) -> None:
    assert (in_words(event, data), kind_of(event, data)) == (words, "state")
