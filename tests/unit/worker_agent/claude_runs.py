"""Captured streams of the real program, and how a run of them is read."""

from pathlib import Path

from worker_agent.engines.base import Reading
from worker_agent.engines.claude_outcome import Ending, read
from worker_agent.engines.claude_stream import Event, Story, parse

CAPTURES = Path(__file__).parents[2] / "data" / "claude"
NAMES = sorted(path.stem for path in CAPTURES.glob("*.jsonl"))
SUCCEEDED = Ending(0, timed_out=False, overdue="", seconds=1.0)
FAILED = Ending(1, timed_out=False, overdue="", seconds=1.0)
NOW = 1_795_235_000.0
"""Shortly before the limit of the capture opens, seconds since 1970."""


def lines(name: str) -> list[bytes]:
    return (CAPTURES / f"{name}.jsonl").read_bytes().splitlines()


def told(events: list[Event]) -> Story:
    story = Story()
    for event in events:
        story.hear(event)
    return story


def events(name: str) -> list[Event]:
    return [event for line in lines(name) if (event := parse(line)) is not None]


def reading(name: str, ending: Ending = FAILED) -> Reading:
    return read(told(events(name)), ending, NOW)
