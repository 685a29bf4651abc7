"""Who may go out: for how long a word holds, and what is kept of a worker."""

from factory.domain.budget import Caps, Spend
from factory.domain.egress import MOST_BLOCKED
from factory.domain.model_prices import Tokens
from factory.egress_ports import Grant, Outlay
from factory.integrations.egress_accounts import Account, Ledger

WORKER = "0123456789-1"


def grant(seconds: float = 10.0, spent: Spend | None = None) -> Grant:
    return Grant(WORKER, model=True, caps=Caps(), spent=spent or Spend(), seconds=seconds)


def test_a_word_holds_for_its_time_and_is_said_again_before() -> None:
    ledger = Ledger()
    ledger.grant(grant(), now=0.0)
    ledger.expire(9.9)
    ledger.grant(grant(), now=9.9)

    ledger.expire(19.8)
    assert WORKER in ledger._accounts
    ledger.expire(19.9)
    assert WORKER not in ledger._accounts
    ledger.close()


def test_nothing_runs_out_while_all_processes_stood_still_f49() -> None:
    """F49."""
    ledger = Ledger()
    ledger.grant(grant(), now=0.0)

    ledger.expire(500.0, held_up=498.0)
    assert WORKER in ledger._accounts
    ledger.expire(509.0)
    assert WORKER not in ledger._accounts
    ledger.close()


def test_what_is_told_of_a_worker_is_all_of_it_and_the_newest() -> None:
    ledger = Ledger()
    account = Account(grant(spent=Spend(5, 7, 1)), ledger, 0.0)

    account.charge("claude-sonnet-5-5", Tokens(output=100))
    account.block("evil.example")
    account.block("evil.example")

    assert ledger.news() == (Outlay(WORKER, Spend(105, 1_007, 2), ("evil.example",)),)
    assert ledger.news() == ()
    for number in range(2 * MOST_BLOCKED):
        account.block(f"{number}.example")
    assert len(ledger.news()[0].blocked) == MOST_BLOCKED
    ledger.close()
