"""The tree of processes as people and programs see it: what the supervisor says, and the memory of each process."""

from typing import Any

import msgspec
import psutil

from factory.protocol.supervisor_mail import Tree

_NONE: dict[str, int | None] = {"rss": None, "private": None}


def view_of(tree: Tree) -> dict[str, Any]:
    """JSON-ready: `tree` has one object per process, as `supervisor_mail.Child` says, with `rss` and `private` in bytes."""
    nodes: list[dict[str, Any]] = msgspec.to_builtins(tree.nodes)
    return {"tree": [{**node, **memory_of(node["pid"])} for node in nodes], "stopping": tree.stopping}


def memory_of(pid: int | None) -> dict[str, int | None]:
    """Bytes of a process: `rss` counts the pages that it shares with others, `private` does not. None where nobody may know.

    Processes are forked from one that has all imports done, so most of `rss` is there once for all of them.
    """
    try:
        info = psutil.Process(pid).memory_full_info() if pid else None
    except psutil.Error:
        return _NONE
    return {"rss": info.rss, "private": info.uss} if info else _NONE


def resident(pid: int | None) -> int | None:
    """`rss` alone, which takes microseconds: what is a process's own is counted page by page, too slow for a feed."""
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else None
    except psutil.Error:
        return None
