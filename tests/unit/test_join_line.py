"""The word of a join line."""

from factory.transport.curve import KeyPair
from factory.transport.join_line import join_word, new_token, read_join_word


def test_a_word_is_read_as_what_it_was_made_of_and_never_as_an_option() -> None:
    key = KeyPair.generate().public
    for _ in range(2_000):
        token = new_token()
        word = join_word(token, key)

        assert not word.startswith("-")
        assert read_join_word(word) == (token, key)
