"""How often it is said that somebody sends what is no good."""

from actors.complaints import EVERY_SECONDS, Complaint, Complaints


def told(complaints: Complaints, now: float) -> list[Complaint]:
    return list(complaints.due(now))


def test_the_first_is_told_at_once_and_the_others_once_a_minute_with_their_number():
    complaints = Complaints()
    complaints.note("anvil", "first")
    assert told(complaints, 0.0) == [Complaint("anvil", "first", 1)]

    for number in range(1_000):
        complaints.note("anvil", f"{number}")
        assert told(complaints, number * 0.05) == []

    assert told(complaints, EVERY_SECONDS) == [Complaint("anvil", "999", 1_000)]
    assert told(complaints, 3 * EVERY_SECONDS) == []


def test_one_does_not_hide_another():
    complaints = Complaints()
    complaints.note("anvil", "x")
    list(complaints.due(0.0))

    complaints.note("hammer", "y")

    assert told(complaints, 1.0) == [Complaint("hammer", "y", 1)]


def test_who_was_good_for_a_minute_is_forgotten_and_told_at_once_the_next_time():
    complaints = Complaints()
    complaints.note("anvil", "x")
    list(complaints.due(0.0))
    assert told(complaints, EVERY_SECONDS) == []

    complaints.note("anvil", "y")

    assert told(complaints, EVERY_SECONDS + 1.0) == [Complaint("anvil", "y", 1)]
