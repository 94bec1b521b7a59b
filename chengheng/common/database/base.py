"""Django's own back end for PostgreSQL, with three things done more cheaply and nothing done otherwise.

- A connection that is taken up again is asked `SELECT 1` only when its socket has something to tell: PostgreSQL says
  nothing to an idle connection but that it ends, so silence means that it stands.
- A time is read by `datetime.fromisoformat` instead of a regular expression and two shifts of zone.
- `prepared_cursor` lets PostgreSQL keep the plan of a statement that is text and always the same (`common.rows`); the
  ORM's statements go out as before.

What must not go in: anything that changes what a query means.
"""

from __future__ import annotations

import select
from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.backends.utils import CursorWrapper
from django.utils.asyncio import async_unsafe

PREPARED_FROM = 2
"""How often a statement has run on a connection before PostgreSQL keeps its plan."""


class UtcLoader(BaseTzLoader):
    """A `timestamptz` of a connection that speaks UTC; what Python's own reader does not know goes the long way."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is UTC:
            return moment
        return super().load(data)


class PreparedCursor(base.ServerBindingCursor):
    """A cursor whose statements are kept by PostgreSQL after `PREPARED_FROM` runs, parameters apart from the text."""

    def execute(self, *args: Any, **named: Any) -> PreparedCursor:
        here = self.connection  # type: ignore[attr-defined]
        here.prepare_threshold = PREPARED_FROM
        try:
            return super().execute(*args, **named)  # type: ignore[misc]
        finally:
            here.prepare_threshold = None


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if self.timezone is UTC:
            connection.adapters.register_loader("timestamptz", UtcLoader)
        return connection

    def is_usable(self) -> bool:
        return self._is_silent() or super().is_usable()

    def _is_silent(self) -> bool:
        """Whether an open connection's socket has nothing to read: neither an end nor a message of the server."""
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)

    @async_unsafe
    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for one statement with its parameters apart; of a type that the statement itself must make plain."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(PreparedCursor(self.connection))  # type: ignore[attr-defined, call-arg]
