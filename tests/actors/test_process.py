"""What the host of an actor answers for it, seen from outside its process."""

import pytest

from factory.errors import ActorUnavailable
from factory.protocol import mailbox as mail
from factory.protocol.lease_mail import Survey
from factory.protocol.limiter_mail import Room
from tests.actors.sample import HANG, Give, Remember
from tests.actors.tree import BOUND_SECONDS, grown
from tests.waiting import eventually

A = {"name": "a"}


def test_a_healthy_actor_says_so_and_a_hanging_one_does_not():
    with grown(A) as tree:
        tree.up()
        assert tree.ask("a", mail.Health()) == mail.Ok()

        with pytest.raises(ActorUnavailable):
            tree.ask("a", Give(HANG), seconds=0.1)

        with pytest.raises(ActorUnavailable):
            tree.ask("a", mail.Health(), seconds=0.5)


def test_asking_what_has_no_answer_is_refused_and_done_all_the_same():
    with grown(A) as tree:
        tree.up()

        assert tree.ask("a", Remember(7)) == mail.Refused("Remember has no answer")

        assert "a got 7" in tree.diary.lines()


def test_mail_of_another_kind_is_dropped():
    with grown(A) as tree:
        tree.up()

        tree.mailbox.tell("a", Survey())

        assert tree.ask("a", Give(1)) == Room(1)


def test_mail_that_came_before_the_wish_to_stop_is_still_handled():
    with grown(A) as tree:
        tree.up()

        for number in range(20):
            tree.mailbox.tell("a", Remember(number))
        tree.ask("a", mail.Shutdown())

        eventually(lambda: "a stops" in tree.diary.lines(), BOUND_SECONDS, tree.described)
        lines = tree.diary.lines()
        assert [line for line in lines if line.startswith("a got")] == [f"a got {number}" for number in range(20)]
        assert lines.index("a stops") > lines.index("a got 19")


def test_a_failure_to_stop_is_a_crash():
    with grown({"name": "a", "kind": "fails_to_stop"}) as tree:
        tree.up()

        tree.ask("a", mail.Shutdown())

        eventually(lambda: (node := tree.node("a")) and node.restarts, BOUND_SECONDS, tree.described)
        node = tree.node("a")
        assert node
        assert node.reason == "StoreUnavailable: the last batch could not be written"


def test_ticks_and_sources_are_waited_for_as_the_actor_says():
    with grown({"name": "a", "kind": "ticking"}) as tree:
        tree.up()

        eventually(lambda: any("tick 3" in line for line in tree.diary.lines()), BOUND_SECONDS, tree.described)

        tree.ask("a", mail.Health())
        found = [line for line in tree.diary.lines() if line.startswith("tick")]
        assert found == ["tick 1 gave 100", "tick 2 gave 200", "tick 3 gave 300"]
