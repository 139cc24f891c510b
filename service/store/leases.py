"""Leases: which of all processes does a piece of work.

Each function works in the transaction of the connection that it is given.
"""

import time

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, literal, or_

from service.store.database.inserting import insert_into
from service.store.database.tables import LEASES


def take_lease(connection: Connection, name: str, holder: str, seconds: int) -> bool:
    """Take or renew a lease, and return whether ``holder`` has it.

    Args:
        connection: of a writing transaction.
        name: of the lease.
        holder: the process that asks.
        seconds: how long it has the lease, unless it is renewed.
    """
    now = _now(connection)
    statement = insert_into(connection, LEASES).values(name=name, holder=holder, until=now + seconds)
    # Nobody takes a lease for longer, unless the clock was ahead.
    free = or_(LEASES.c.holder == holder, LEASES.c.until <= now, LEASES.c.until > now + seconds)
    take_free = statement.on_conflict_do_update(
        index_elements=["name"], set_={"holder": holder, "until": now + seconds}, where=free
    )
    return connection.execute(take_free.returning(LEASES.c.name)).first() is not None


def give_up_lease(connection: Connection, name: str, holder: str) -> None:
    """End the lease, if ``holder`` has it."""
    connection.execute(LEASES.delete().where(LEASES.c.name == name, LEASES.c.holder == holder))


def _now(connection: Connection) -> ColumnElement[int]:
    """Return the Unix seconds of the database server: the clocks of replicas may differ."""
    if connection.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), BigInteger)
    return literal(int(time.time()), BigInteger)
