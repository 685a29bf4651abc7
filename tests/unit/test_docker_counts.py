"""The engine's answers about what a container uses, as both layouts of control groups make them."""

from typing import Any

import pytest

from factory.domain.meter import Counts
from factory.integrations.docker_counts import counts

READ = "2026-11-21T20:34:07.523663816Z"
AT = 1795293247.523663


def told(memory: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"read": READ, "pids_stats": {"current": 4}, "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}}} | {
        "memory_stats": memory
    } | others  # fmt: skip


@pytest.mark.parametrize("kept", ["inactive_file", "total_inactive_file"])
def test_files_that_are_merely_kept_in_memory_are_not_counted(kept: str) -> None:
    assert counts(told({"usage": 3000, "limit": 9000, "stats": {kept: 1000}})) == Counts(AT, 2.5, 2000, 9000, 4)


def test_what_the_kernel_does_not_count_is_zero() -> None:
    assert counts(told({}, pids_stats={}, cpu_stats={})) == Counts(AT, 0.0, 0, 0, 0)


def test_a_container_that_has_ended_has_no_counts() -> None:
    # As the engine says it: all zeros, at the zero of its time.
    assert counts(told({}, read="0001-01-01T00:00:00Z", pids_stats={}, cpu_stats={"cpu_usage": {"total_usage": 0}})) is None
