from hypothesis import given
from hypothesis import strategies as st

from factory.protocol.worker import Log, Pong, Reject
from tests.unit.worker_agent.peer import Talk, welcomed
from worker_agent.log_credit import FIRST_CREDIT_BYTES, LogCredit


def _agent(data: bytes) -> Log:
    return Log("agent", 0, data)


def test_pieces_carry_the_offset_in_their_stream() -> None:
    talk = welcomed()

    talk.say(_agent(b"abc"))
    talk.say(Log("gate", 0, b"xy"))
    talk.say(_agent(b"de"))

    assert talk.bodies(Log) == [Log("agent", 0, b"abc"), Log("gate", 0, b"xy"), Log("agent", 3, b"de")]


def test_over_credit_output_is_dropped_and_the_next_piece_tells_how_much() -> None:
    talk = welcomed()
    talk.hear(Pong("continue", 15.0, log_credit=4))

    talk.say(_agent(b"1234"))
    talk.say(_agent(b"lost"))
    talk.say(_agent(b"too"))
    talk.hear(Pong("continue", 15.0, log_credit=10))
    talk.say(_agent(b"back"))

    assert talk.bodies(Log) == [Log("agent", 0, b"1234"), Log("agent", 11, b"", gap=7), Log("agent", 11, b"back")]


def test_unused_credit_does_not_add_up() -> None:
    talk = welcomed()
    for _ in range(5):
        talk.hear(Pong("continue", 15.0, log_credit=4))

    talk.say(_agent(b"12345"))

    assert talk.bodies(Log) == []


def test_nothing_is_sent_without_a_session_and_the_gap_is_told_in_the_next_one() -> None:
    talk = Talk()
    talk.say(_agent(b"early"))
    talk.welcome()
    assert talk.bodies(Log) == [Log("agent", 5, b"", gap=5)]

    talk.hear(Reject("unknown_session", ""))
    talk.say(_agent(b"lost"))
    talk.welcome("s2")
    assert talk.bodies(Log) == [Log("agent", 9, b"", gap=4)]


def test_what_the_socket_did_not_take_is_part_of_the_gap() -> None:
    talk = welcomed()
    talk.say(_agent(b"abc"))
    talk.session = talk.session.unsent(talk.take()[0])

    talk.say(_agent(b"de"))

    assert talk.bodies(Log) == [Log("agent", 3, b"de", gap=3)]


def test_the_first_credit_is_small() -> None:
    talk = welcomed()

    talk.say(_agent(bytes(FIRST_CREDIT_BYTES)))
    talk.say(_agent(b"x"))

    assert len(talk.bodies(Log)) == 1


@given(st.lists(st.one_of(st.binary(max_size=9), st.integers(0, 20)), max_size=40))
def test_pieces_and_gaps_together_are_all_that_was_written(happenings: list[bytes | int]) -> None:
    credit, pieces, written = LogCredit(), list[Log](), b""
    for happening in [*happenings, 0]:
        if isinstance(happening, bytes):
            written += happening
            credit, admitted = credit.admit(_agent(happening))
            pieces += [admitted] if admitted else []
        else:
            credit, gaps = credit.granted(happening)
            pieces += gaps

    end = 0
    for piece in pieces:
        assert piece.offset == end + piece.gap
        assert piece.data == written[piece.offset : piece.offset + len(piece.data)]
        end = piece.offset + len(piece.data)
    assert end == len(written)
