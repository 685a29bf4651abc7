"""What a dispatcher leaves behind when it alone is stopped."""

from tests.actors.dispatcher_site import NO_CREDIT, Factory


def test_it_takes_its_credit_back_when_it_stops_since_nobody_would_place_what_is_claimed():
    factory = Factory()
    factory.begins()
    factory.reconciles()
    assert factory.credits()[-1].free > 0

    factory.actor.on_stop()

    assert factory.credits()[-1] == NO_CREDIT
