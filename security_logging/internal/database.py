"""Queries of ours beside a request's own: they neither break its transaction nor hold it up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

READ_LIMIT = 500  # milliseconds that PostgreSQL may take for one of our queries, waiting for a lock included
# In their transactions an error in a query costs that query alone; elsewhere every later query is refused.
_FORGIVING = ("mysql", "oracle", "sqlite")


@contextmanager
def reading(using: str) -> Iterator[None]:
    """
    Run the queries of the block so that an error in them leaves the transaction around them as it was.

    On PostgreSQL they run in a savepoint, and each of them has READ_LIMIT. The block must only read: what it writes is
    rolled back there. Raises what the queries raise.
    """
    connection = connections[using]
    if connection.vendor in _FORGIVING:
        yield
        return
    with transaction.atomic(using=using):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {READ_LIMIT}")
        yield
        transaction.set_rollback(True, using=using)  # the limit would else hold for the rest of the transaction
