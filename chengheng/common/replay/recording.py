"""Answering a request once.

How it is right under concurrency, without a lock of our own: the row is inserted first, and PostgreSQL lets a second
insert of the same key wait until the first transaction ends. If that commits, the second reads its answer; if it rolls
back (or its process dies), the second insert succeeds and the act is done by the second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chengheng.common import rows
from chengheng.common.errors import Refusal
from chengheng.common.replay.models import Request
from chengheng.common.replay.rules import body_hash

_INSERT = """
insert into replay_request (client_id, actor_id, purpose, body_hash, status, answer, at)
values (%s, %s, %s, %s, 200, null, %s)
on conflict (actor_id, purpose, client_id) do nothing
returning id
"""


class Conflict(Refusal):
    """The same id with another body: a fault of the client, never an act."""

    code = "replay_conflict"
    status = 409
    message = _("Another request with this id was answered before. A new request needs a new id.")


class Replay:
    """A request that is new (`answer` is None: do the act, then `keep`) or was answered before (return `answer`)."""

    def __init__(self, pk: int, answer: Any = None, status: int = 200) -> None:
        self._pk = pk
        self._answer = answer
        self._text: str | None = None
        self.status = status

    @property
    def answered(self) -> bool:
        """Whether there is an answer, told before or kept now."""
        return self._answer is not None or self._text is not None

    @property
    def answer(self) -> Any:
        """The answer as JSON has it; None as long as there is none."""
        if self._answer is None and self._text is not None:
            self._answer = json.loads(self._text)
        return self._answer

    @property
    def text(self) -> str:
        """The answer as JSON text, ready to be sent."""
        return json.dumps(self._answer, ensure_ascii=False) if self._text is None else self._text

    def keep(self, answer: Any, status: int = 200) -> Any:
        """Record the answer (any JSON but null); returns it as it will be given again. Once per request."""
        self.keep_text(answer, status)
        return self.answer

    def keep_text(self, answer: Any, status: int = 200) -> None:
        """As `keep`, for those who send `text` and need not read the answer again."""
        if answer is None:
            raise ValueError("an answer that is None could not be told from no answer")
        if self.answered:
            raise ValueError("this request has its answer")
        text = json.dumps(answer, cls=DjangoJSONEncoder, allow_nan=False, ensure_ascii=False)
        rows.write("update replay_request set answer = %s, status = %s where id = %s", [text, status, self._pk])
        self._text, self.status = text, status


@contextmanager
def once(client_id: UUID, actor: Any, purpose: str, body: Any) -> Iterator[Replay]:
    """One transaction in which the request is answered, or found to be answered.

    >>> # with replay.once(client_id, actor, "patrol.case.report", body) as request:
    >>> #     if request.answer is not None:
    >>> #         return request.answer
    >>> #     case = report_case(...)
    >>> #     return request.keep({"number": case.number}, status=201)

    An id counts per actor and purpose. Raises Conflict when the id was used with another body. An exception in the
    block undoes act and record together; a block that neither keeps an answer nor raises is a programming error.
    """
    digest = body_hash(body)
    with transaction.atomic():
        request = _begin(client_id, actor, purpose, digest)
        yield request
        if not request.answered:
            raise RuntimeError(f"{purpose}: the block ended without an answer to keep")


def _begin(client_id: UUID, actor: Any, purpose: str, digest: str) -> Replay:
    with rows.cursor() as cursor:
        cursor.execute(_INSERT, [client_id, actor.pk, purpose, digest, timezone.now()])
        inserted = cursor.fetchone()
    if inserted:
        return Replay(inserted[0])
    row = Request.objects.get(client_id=client_id, actor_id=actor.pk, purpose=purpose)
    if row.body_hash != digest:
        raise Conflict
    if row.answer is None:
        raise RuntimeError(f"{purpose}: the request {client_id} is asked for within its own answer")
    return Replay(row.pk, row.answer, row.status)


def forget_before(moment: datetime) -> int:
    """Forget requests answered before `moment`: from then on their ids are new. Returns how many."""
    return Request.objects.filter(at__lt=moment).delete()[0]
