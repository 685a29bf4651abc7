"""What the doctor says about the database."""

from collections.abc import Callable

from factory.doctor import Verdict, fail, ok, warn
from factory.domain.store_state import StoreState
from factory.errors import FactoryError, InvalidInput, Retryable, SchemaMismatch, StoreMisconfigured

SKEW_SECONDS = 5.0
"""Deadlines hang on the server's clock alone; what people read in two logs should still fit together."""


def server(look: Callable[[], StoreState], where: str) -> Verdict:
    """A server that runs. `where`: the setting that names it."""
    try:
        state = look()
    except SchemaMismatch as error:
        return fail(str(error), "install the version of the factory that last used this database, or a newer one")
    except StoreMisconfigured as error:
        return fail(str(error), f"look at {where}: user, password, database and extensions of that server")
    except (Retryable, InvalidInput) as error:
        return fail(str(error), f"start that server, or correct {where}; without it the embedded one is used")
    return judged(state)


def judged(state: StoreState) -> Verdict:
    told = f"PostgreSQL {state.version}, pgvector {state.vector}"
    if abs(state.skew) > SKEW_SECONDS:
        return warn(f"{told}; its clock is {state.skew:+.0f} s from ours.", "timedatectl set-ntp true (on both machines)")
    if state.pending:
        return warn(f"{told}; still to be run: {', '.join(state.pending)}.", "factory migrate (factory up does it too)")
    return ok(f"{told}, newest schema")


def embedded(ready: Callable[[], str]) -> Verdict:
    """The server that comes with the factory and does not run now. `ready` says what would be started."""
    try:
        return ok(f"{ready()}; it starts with the factory")
    except FactoryError as error:
        return fail(str(error), "install the factory again, or set DATABASE_URL to a server of your own")
