"""The tree of errors; the branch a caller catches tells it what to do next.

    FactoryError
    ├── Retryable            nothing is wrong with the request: try again later, with growing distance
    │   ├── StoreUnavailable     the database cannot be reached or went away
    │   ├── StoreTimeout         the database did not answer within its bound
    │   ├── StoreFull            the database cannot take writes now: disk full or read-only
    │   ├── Contended            lost a race for a lock or a serialization check
    │   ├── ActorUnavailable     an actor of this factory did not answer in time
    │   ├── RepositoryUnavailable  a git remote or the copy of it cannot be used right now
    │   ├── ForgeUnavailable     a forge's API gives no answer, or allows no call now
    │   ├── Unauthorized         a forge or remote does not accept the credential that it was given
    │   ├── HostUnavailable      workers cannot be made or ended on this host now
    │   │   ├── HostAway             nothing of the host answers: whoever makes its workers is not there
    │   │   └── NoSpace              a disk is full that a worker, its source or its result needs
    │   └── FactoryUnreachable   no factory answers the operator
    ├── Refused              the request will be refused again: tell the one who asked
    │   ├── Stale                an epoch other than the current one
    │   ├── Conflict             it exists already, or it changed meanwhile
    │   ├── InvalidInput         a value that cannot be accepted
    │   ├── NotFound             there is no such thing
    │   ├── RepositoryRefused    a git remote will go on saying no: not there, no rights, no such branch
    │   ├── ForgeRefused         a forge will go on saying no: not there, no such branch, closed by a person
    │   ├── BadResult            what a worker handed in is not the result that it should be
    │   ├── BranchTaken          somebody else's commit is on the branch
    │   ├── NoResult             a worker left no file of that name that could be taken
    │   └── PathTooLong          a socket's path is longer than the system takes
    └── Broken               the factory or its surroundings are wrong: stop and tell the operator
        ├── SchemaMismatch       code and database do not fit together
        ├── StoreMisconfigured   the database server cannot be used as it is set up
        ├── StoreTaken           another factory works on the database
        └── CannotListen         a socket's address cannot be bound

Every message is one sentence for the person who reads it.
"""


class FactoryError(Exception):
    """Root of all errors of this project."""


class Retryable(FactoryError):
    """Nothing is wrong with the request; the same call may succeed later.

    `retry_after`: seconds before which it must not be repeated, where the one who was asked said so.
    """

    retry_after = 0.0


class StoreUnavailable(Retryable):
    """The database cannot be reached or the connection was lost.

    A transaction that was under way may have been committed or not: read again by its own key
    (item, epoch, number) before repeating it.
    """


class StoreTimeout(Retryable):
    """The database did not answer within the bound; the transaction was given up."""


class StoreFull(Retryable):
    """The database is reachable but takes no writes: its disk is full or it is read-only."""


class Contended(Retryable):
    """The transaction lost a race (deadlock, serialization, lock wait) and was rolled back."""


class ActorUnavailable(Retryable):
    """The actor did not answer in time; whether it did what it was asked is unknown."""


class RepositoryUnavailable(Retryable):
    """A git remote cannot be reached, or its copy here cannot be used right now.

    A push that was under way may have arrived: pushing the same commit again is harmless.
    """


class ForgeUnavailable(Retryable):
    """A forge's API gives no answer or allows no call now.

    What was asked may have been done all the same: look it up before it is repeated.
    """

    def __init__(self, sentence: str, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unauthorized(Retryable):
    """A forge or remote does not accept the credential, also not a renewed one; a person has to be asked if that stays so."""


class HostUnavailable(Retryable):
    """A host cannot make a worker, or cannot end one, as things are now; the sentence names what is in the way."""


class HostAway(HostUnavailable):
    """Whoever makes the workers of a host is not there: none was made, whichever it was asked for."""


class NoSpace(HostUnavailable):
    """A disk is full that a worker, its source or its result needs."""


class FactoryUnreachable(Retryable):
    """No factory answers on this machine's command socket."""


class Refused(FactoryError):
    """The request cannot be granted, now or later, as it is."""


class Stale(Refused):
    """The request carries an epoch other than the current one; its sender must stop."""


class Conflict(Refused):
    """It exists already, or it is no longer in the state that the request expects."""


class InvalidInput(Refused):
    """A value that was handed in cannot be accepted."""


class NotFound(Refused):
    """The thing that the request names does not exist."""


class RepositoryRefused(Refused):
    """A git remote says no, and will say it again until a person changes something: it, its rights or its branches."""


class ForgeRefused(Refused):
    """A forge says no, and will say it again until a person changes something there."""


class BadResult(Refused):
    """What a worker handed in is broken, or is not the commit that it should be."""


class BranchTaken(Refused):
    """The branch is at a commit that is not the one expected. `found` is that commit, empty where the branch is gone."""

    def __init__(self, sentence: str, found: str = "") -> None:
        super().__init__(sentence)
        self.found = found


class NoResult(Refused):
    """The file is missing in a worker's out folder, larger than allowed, or no regular file."""


class PathTooLong(Refused):
    """The path is longer than the system takes for a socket."""


class Broken(FactoryError):
    """Something inside the factory or its set-up is wrong; repeating does not help."""


class SchemaMismatch(Broken):
    """The database and this version of the code do not fit together."""


class StoreMisconfigured(Broken):
    """The database server cannot be used as it is set up."""


class StoreTaken(Broken):
    """Another factory works on the database; two would start workers for each other's leases."""


class CannotListen(Broken):
    """The address of a socket cannot be bound."""
