"""When the bell rings."""

from tui.alarm import Alarm
from tui.history import History, Place


def test_the_bell_rings_once_for_what_is_new_and_at_most_each_ten_seconds() -> None:
    alarm = Alarm()
    assert not alarm.rings(["a"], 0.0)
    assert alarm.rings(["a", "b"], 1.0)
    assert not alarm.rings(["a", "b", "c", "d"], 2.0)
    assert alarm.rings(["a", "b", "c", "d"], 11.0)
    assert not alarm.rings(["a", "b", "c", "d"], 30.0)


def test_what_went_before_its_turn_rings_for_nobody_and_a_second_wait_rings_again() -> None:
    alarm = Alarm()
    assert not alarm.rings([], 0.0)
    assert alarm.rings(["a/1"], 1.0)
    assert not alarm.rings(["a/1", "b/1"], 2.0)
    assert not alarm.rings(["a/1"], 20.0)
    assert alarm.rings(["a/2"], 40.0)


def test_a_quiet_terminal_never_rings() -> None:
    alarm = Alarm(quiet=True)
    assert not alarm.rings([], 0.0)
    assert not alarm.rings(["a"], 20.0)


def test_going_on_from_an_earlier_place_drops_those_after_it() -> None:
    history = History()
    for name in ("a", "b", "c"):
        history.visit(Place(name))
    assert history.step(-1) == Place("b")
    assert history.step(-1) == Place("a")
    assert history.step(-1) is None
    history.visit(Place("d"))
    assert history.step(1) is None
    assert history.step(-1) == Place("a")
