"""`factory-worker join`: a key pair of this machine's own, a token that is good once, and a factory whose key stood in the join line."""

from urllib.parse import urlsplit

from factory.errors import FactoryUnreachable, Refused
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.host import Facts, Join, Joined, JoinRefused, ToJoiner
from factory.transport.curve import KeyPair
from factory.transport.host_line import Door, ask_once
from factory.transport.join_line import read_join_word, token_hash
from factory.transport.operator_key import address
from factory.worker_host.home import Home, Identity

_ANSWER_SECONDS = 10.0


def join(home: Home, endpoint: str, word: str, facts: Facts) -> Identity:
    """Registers this machine, and keeps who it is from now on.

    Raises:
        InvalidInput: the address or the token is none.
        FactoryUnreachable: nobody with that key answers there. The same line may be tried again.
        Refused: the factory says no.
    """
    address(endpoint)
    token = read_join_word(word)
    home.prepare()
    # The same pair at each try: where only the answer was lost, the token is used up by it.
    keys = KeyPair.obtain(home.data / f"join-{token_hash(token.token)[:8]}.key")
    answer = ask_once(Door(endpoint, token.server_key), keys, encode(Join(token.token, facts)), _ANSWER_SECONDS)
    told = _understood(answer, endpoint)
    if isinstance(told, JoinRefused):
        raise Refused(told.reason)
    host = urlsplit(endpoint).netloc.rpartition(":")[0]
    identity = Identity(told.name, f"tcp://{host}:{told.port}", token.server_key)
    home.join(identity, keys)
    for left in home.data.glob("join-*.key"):
        left.unlink()
    return identity


def _understood(answer: bytes | None, endpoint: str) -> Joined | JoinRefused:
    if answer is None:
        raise FactoryUnreachable(f"Nobody answers at {endpoint}: is the join line whole, and can that address be reached from here?")
    try:
        told: ToJoiner = Decoder[ToJoiner](ToJoiner)(answer)
    except BadMessage as error:
        raise FactoryUnreachable(f"What answers at {endpoint} is no factory that this version understands: {error}.") from error
    return told
