import stat

import pytest

from factory.errors import InvalidInput
from factory.transport.curve import KeyPair


def test_a_saved_pair_is_loaded_again(tmp_path):
    keys = KeyPair.generate()

    keys.save(tmp_path / "key")

    assert KeyPair.load(tmp_path / "key") == keys


def test_a_saved_pair_is_readable_by_its_user_only_and_leaves_no_draft(tmp_path):
    KeyPair.generate().save(tmp_path / "key")

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_pair_that_is_there_is_not_replaced(tmp_path):
    first = KeyPair.generate()
    first.save(tmp_path / "key")

    with pytest.raises(FileExistsError):
        KeyPair.generate().save(tmp_path / "key")

    assert KeyPair.load(tmp_path / "key") == first
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_obtaining_twice_gives_the_same_pair(tmp_path):
    assert KeyPair.obtain(tmp_path / "key") == KeyPair.obtain(tmp_path / "key")


def test_halves_of_different_pairs_are_no_pair():
    mixed = KeyPair(KeyPair.generate().public, KeyPair.generate().secret)

    with pytest.raises(InvalidInput):
        KeyPair.parse(mixed.dump())


@pytest.mark.parametrize("content", [b"", b"one", b"a b c", b"\xff\xfe", b"x" * 40 + b"\n" + b"\x00" * 40])
def test_a_file_that_holds_no_pair_says_so(tmp_path, content):
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(InvalidInput, match="key holds no key pair"):
        KeyPair.load(tmp_path / "key")


def test_the_secret_does_not_show():
    keys = KeyPair.generate()

    assert keys.secret not in repr(keys)
    assert keys.secret not in f"{keys}"
