"""Who may go out, and what each has spent. Belongs to the thread of the server's loop; only the news are read by another."""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from weakref import WeakValueDictionary

from factory.domain.budget import Spend, admission, reservation
from factory.domain.egress import MOST_BLOCKED
from factory.domain.model_prices import Tokens
from factory.domain.token_bucket import TokenBucket
from factory.egress_ports import Grant, Outlay

MAX_CONNECTIONS = 48
"""Of one worker at once: a package manager opens some dozens."""
MAX_UP = 64 * 1024 * 1024
"""Bytes that one worker may send to hosts of the list, in all: what it takes to fetch packages, and not a repository."""
MAX_DOWN = 8 * 1024 * 1024 * 1024
TURN_SECONDS = 600.0
"""A call waits so long for those before it, where the cap is near."""
MAX_HELD = 64 * 1024 * 1024
"""Bytes of one worker's requests that are kept in memory at once."""
_BURST, _RATE = 300.0, 50.0
"""Requests of one worker, at once and each second."""


class OverBudget(Exception):
    """The attempt may not call its model any more; the sentence says why."""


class Exhausted(Exception):
    """The worker has sent or fetched as much as it may."""


class Account:
    """One worker's. Everything of it ends with the task group of its connections."""

    def __init__(self, grant: Grant, ledger: "Ledger", now: float) -> None:
        self.grant = grant
        self.until = now + grant.seconds
        self._ledger = ledger
        self._spent = grant.spent
        self._under_way: list[Spend] = []
        self._turn = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._blocked: dict[str, None] = {}
        self._over, self._refused = "", 0
        self._bucket = TokenBucket.full(_BURST, _RATE, now)
        self._up = self._down = self._held = 0

    @property
    def outlay(self) -> Outlay:
        return Outlay(self.grant.worker, self._spent, tuple(self._blocked), self._over, self._refused)

    def renew(self, grant: Grant, now: float) -> None:
        self.grant, self.until = grant, now + grant.seconds
        self._spent = self._spent.at_least(grant.spent)

    @contextmanager
    def connected(self) -> Iterator[bool]:
        """While a connection is served, by the current task. False where there are too many."""
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= MAX_CONNECTIONS:
            yield False
            return
        self._tasks.add(task)
        try:
            yield True
        finally:
            self._tasks.discard(task)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def may_ask(self, now: float) -> bool:
        """Whether one more request is no flood."""
        self._bucket, taken = self._bucket.take(now)
        return taken

    def block(self, host: str) -> None:
        """Notes a host that the worker was not let to."""
        if host not in self._blocked and len(self._blocked) < MOST_BLOCKED:
            self._blocked[host] = None
            self._ledger.tell(self)

    def carry(self, *, up: int = 0, down: int = 0) -> None:
        """Counts bytes to and from hosts of the list. Raises `Exhausted`."""
        self._up, self._down = self._up + up, self._down + down
        if self._up > MAX_UP or self._down > MAX_DOWN:
            raise Exhausted("the attempt has sent or fetched as much as it may")

    @asynccontextmanager
    async def call(self, model: str, body_bytes: int, max_tokens: int = 0) -> AsyncIterator[None]:
        """While the model is called. Raises `OverBudget` before it, and `TimeoutError` where its turn does not come."""
        expected = reservation(model, body_bytes, max_tokens)
        async with asyncio.timeout(TURN_SECONDS), self._turn:
            await self._turn.wait_for(lambda: admission(self.grant.caps, self._spent, self._under_way) != "later")
            self._refuse_beyond_cap()
            self._under_way.append(expected)
        try:
            yield
        finally:
            self._under_way.remove(expected)
            # Shielded: also a call that was hung up on makes room for the next one.
            await asyncio.shield(self._next())

    def _refuse_beyond_cap(self) -> None:
        if over := self.grant.caps.exceeded(self._spent):
            self._over, self._refused = over, self._refused + 1
            self._ledger.tell(self)
            raise OverBudget(over)

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """While something is kept in memory for the worker: given each piece's size. Raises `Exhausted`."""
        kept = 0

        def more(size: int) -> None:
            nonlocal kept
            if self._held + size > MAX_HELD:
                raise Exhausted(f"the requests of an attempt have at most {MAX_HELD:,} bytes at once")
            kept, self._held = kept + size, self._held + size

        try:
            yield more
        finally:
            self._held -= kept

    def charge(self, model: str, tokens: Tokens) -> None:
        self._spent = self._spent.with_call(model, tokens)
        self._ledger.tell(self)

    async def _next(self) -> None:
        async with self._turn:
            self._turn.notify_all()


class Ledger:
    """All accounts. `news` and `pollable` are the other thread's."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        # Held by those who wait, and by nobody else.
        self._awaited: WeakValueDictionary[str, asyncio.Future[None]] = WeakValueDictionary()
        self._waiting: Counter[str] = Counter()
        self._news: dict[str, Outlay] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    def grant(self, grant: Grant, now: float) -> None:
        account = self._accounts.get(grant.worker)
        if account is None:
            account = self._accounts[grant.worker] = Account(grant, self, now)
        else:
            account.renew(grant, now)
        if (came := self._awaited.pop(grant.worker, None)) is not None:
            came.set_result(None)

    def revoke(self, worker: str) -> None:
        account = self._accounts.pop(worker, None)
        if account is not None:
            account.close()

    def expire(self, now: float, held_up: float = 0.0) -> None:
        """Ends what nobody vouches for any more. `held_up`: seconds in which this process stood still, and so perhaps those who vouch."""
        for account in self._accounts.values():
            account.until += held_up
        for worker in [worker for worker, account in self._accounts.items() if account.until <= now]:
            self.revoke(worker)

    async def vouched(self, worker: str, seconds: float) -> Account | None:
        """The worker's account, once somebody vouches for it; None where nobody does within the seconds."""
        # Bounded as those that are served: a worker whose lease is over must not take the places of others.
        if worker not in self._accounts and self._waiting[worker] < MAX_CONNECTIONS:
            self._waiting[worker] += 1
            try:
                await self._vouching(worker, seconds)
            finally:
                self._waiting -= Counter((worker,))
        return self._accounts.get(worker)

    async def _vouching(self, worker: str, seconds: float) -> None:
        came = self._awaited.setdefault(worker, asyncio.get_running_loop().create_future())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(came), seconds)

    def tell(self, account: Account) -> None:
        with self._lock:
            self._news[account.grant.worker] = account.outlay
        try:
            os.write(self._write, b"!")
        except BlockingIOError:
            return  # the pipe is full, so it will be looked at

    def pollable(self) -> int:
        return self._read

    def news(self) -> Sequence[Outlay]:
        try:
            if not self._closed:
                os.read(self._read, 4096)
        except BlockingIOError:
            return ()
        with self._lock:
            news, self._news = tuple(self._news.values()), {}
        return news

    def close(self) -> None:
        """What is left may still be read: calls that the end has broken off are charged too."""
        self._closed = True
        os.close(self._read)
        os.close(self._write)
