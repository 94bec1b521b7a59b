"""Long work shows how far it is, can be cancelled, and ends in a state that says what happened."""

from __future__ import annotations

import io
import threading
import time

import pytest
from django.db import connection, transaction

from chengheng.common import jobs
from chengheng.common.errors import Refusal
from chengheng.common.jobs import actions, work
from chengheng.common.jobs.errors import AlreadyEnded, UnknownTask
from chengheng.common.jobs.models import Job, State
from chengheng.common.people import roles
from chengheng.common.people.roles import Reach, Role
from tests import builders

roles.declare(Role("jobs.watcher", "Watcher", {"jobs.job.view": Reach.ALL, "jobs.job.cancel": Reach.ORGANISATION}))


@jobs.task("tests.count")
def count(job: jobs.Progress, to: int) -> dict:
    for n in range(to + 1):
        job.step(n, to, f"at {n}")
    job.result(url="/there/", text="counted")
    return {"to": to}


@jobs.task("tests.refuse")
def refuse(job: jobs.Progress) -> None:
    raise Refusal("The lamp is too dim.")


@jobs.task("tests.fall")
def fall(job: jobs.Progress) -> None:
    Job.objects.create(task="x", title="made by a task that falls")
    raise ZeroDivisionError("1/0")


@jobs.task("tests.once", repeatable=False)
def once(job: jobs.Progress) -> None:
    job.step(1, 1)


def start(name: str = "tests.count", actor=None, **params) -> Job:
    return jobs.start(name, actor, "Some work", params)


def queued() -> list[tuple[str, dict]]:
    with connection.cursor() as cursor:
        cursor.execute("select task_name, args from procrastinate_jobs order by id")
        return cursor.fetchall()


def test_starting_enqueues_in_the_same_transaction(db):
    with pytest.raises(RuntimeError), transaction.atomic():
        start(to=1)
        raise RuntimeError
    assert not Job.objects.exists()
    assert queued() == []
    job = start(to=1)
    assert [name for name, _args in queued()] == ["jobs.run"]
    assert job.state == State.WAITING


def test_unknown_work_is_refused_at_once(db):
    with pytest.raises(UnknownTask):
        start("tests.nothing")


def test_work_ends_done_with_its_result(db):
    job = start(to=3)
    work.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.text) == (State.DONE, 3, 3, "counted")
    assert (job.result, job.result_url, job.attempts, job.percent) == ({"to": 3}, "/there/", 1, 100)
    assert job.created_at <= job.started_at <= job.ended_at
    work.run(job.pk)
    assert Job.objects.get().attempts == 1, "a second delivery finds it ended"


def test_a_refusal_fails_the_job_in_its_own_words(db):
    job = start("tests.refuse")
    work.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == (State.FAILED, "The lamp is too dim.")


def test_an_unexpected_error_fails_the_job_and_takes_back_what_it_wrote(db):
    job = start("tests.fall")
    work.run(job.pk)
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert "ZeroDivisionError" in job.error
    assert not Job.objects.filter(task="x").exists()


def test_waiting_work_that_is_cancelled_never_begins(db):
    user = builders.user()
    job = start(actor=user, to=1)
    actions.cancel_job(user, job.pk)
    work.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.CANCELLED, 0)
    with pytest.raises(AlreadyEnded):
        actions.cancel_job(user, job.pk)


def test_running_work_stops_at_its_next_step(db, monkeypatch):
    monkeypatch.setattr(work, "WRITE_EVERY_SECONDS", 0)
    reached = []

    @jobs.task("tests.cancelled_midway")
    def midway(job: jobs.Progress) -> None:
        for n in range(10):
            job.step(n, 100)
            reached.append(n)
            if n == 3:
                Job.objects.update(cancel_requested=True)

    job = start("tests.cancelled_midway")
    work.run(job.pk)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert reached == [0, 1, 2, 3]
    del work._tasks["tests.cancelled_midway"]


def test_only_the_starter_and_who_may_can_cancel(db):
    here = builders.organisation()
    owner = builders.user(at=here)
    job = start(actor=owner, to=1)
    with pytest.raises(Refusal):
        actions.cancel_job(builders.user(at=here), job.pk)
    with pytest.raises(Refusal):
        actions.cancel_job(builders.holder("jobs.watcher"), job.pk)
    assert actions.cancel_job(builders.holder("jobs.watcher", here), job.pk).state == State.CANCELLED


def test_steps_are_written_at_most_twice_a_second(db, django_assert_max_num_queries):
    job = start(to=1)
    written = []
    progress = work.Progress(job, lambda sql, params: written.append(params) or [(False,)])
    for n in range(1, 10_001):
        progress.step(n, 10_000)
    assert len(written) <= 3
    assert written[-1][0] == 10_000, "the end is always written"


def test_work_that_lost_its_worker_begins_again_but_not_for_ever(db):
    job = start(to=2)
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING, attempts=1)
    work.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.DONE, 2)
    job = start(to=2)
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING, attempts=work.MOST_ATTEMPTS)
    work.run(job.pk)
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert str(work.MOST_ATTEMPTS) in job.error


def test_work_that_must_not_be_repeated_says_so(db):
    job = start("tests.once")
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING, attempts=1)
    work.run(job.pk)
    job.refresh_from_db()
    assert job.state == State.FAILED
    assert job.error


@pytest.mark.django_db(transaction=True)
def test_a_second_delivery_of_running_work_leaves_it_alone_and_progress_shows_from_inside_a_transaction():
    entered, go_on = threading.Event(), threading.Event()

    @jobs.task("tests.slow")
    def slow(job: jobs.Progress) -> None:
        with transaction.atomic():
            Job.objects.create(task="x", title="inside")
            job.step(1, 2, "half")
            entered.set()
            assert go_on.wait(10)
            job.step(2, 2)

    job = start("tests.slow")
    thread = threading.Thread(target=lambda: (work.run(job.pk), connection.close()))
    thread.start()
    try:
        assert entered.wait(10)
        job.refresh_from_db()
        assert (job.state, job.done, job.text) == (State.RUNNING, 1, "half")
        assert not Job.objects.filter(task="x").exists(), "its transaction is still open"
        began = time.monotonic()
        work.run(job.pk)
        assert time.monotonic() - began < 5
        assert Job.objects.get(pk=job.pk).attempts == 1
        Job.objects.filter(pk=job.pk).update(cancel_requested=True)
    finally:
        go_on.set()
        thread.join(10)
    job.refresh_from_db()
    assert job.state == State.CANCELLED, "the button worked while the transaction was open"
    assert not Job.objects.filter(task="x").exists(), "and the transaction was taken back"
    del work._tasks["tests.slow"]


def test_the_page_shows_progress_and_stops_asking_when_it_ends(client, db):
    user = builders.user()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    job = start(actor=user, to=4)
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING, done=1, total=4, text="at 1")
    text = client.get(f"/jobs/{job.pk}/").content.decode()
    assert "at 1" in text
    assert 'hx-trigger="every 1s"' in text
    assert "1 / 4" in text
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 302
    Job.objects.filter(pk=job.pk).update(state=State.FAILED, error="It fell.")
    part = client.get(f"/jobs/{job.pk}/progress/").content.decode()
    assert "It fell." in part
    assert "hx-trigger" not in part
    assert "<html" not in part
    client.force_login(builders.user())
    assert client.get(f"/jobs/{job.pk}/").status_code == 404
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 404


def test_everybody_has_a_list_of_their_own_jobs(client, db):
    mine, other = builders.user(), builders.user()
    jobs.start("tests.count", mine, "My work", {"to": 1})
    jobs.start("tests.count", other, "Their work", {"to": 1})
    client.force_login(mine)
    for address in ("/jobs/", "/list/jobs.job/"):
        text = client.get(address).content.decode()
        assert "My work" in text
        assert "Their work" not in text
    client.force_login(builders.holder("jobs.watcher"))
    assert "Their work" in client.get("/jobs/").content.decode()


def test_the_command_line_works_itself_where_no_worker_runs(db):
    out = io.StringIO()
    job = jobs.follow(start(to=2), out)
    assert job.state == State.DONE
    lines = out.getvalue().splitlines()
    assert lines[-1].endswith("counted")
    assert "100%" in lines[-1]


def test_the_command_line_follows_what_a_worker_does(db, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("insert into procrastinate_workers (last_heartbeat) values (now())")
    job = start(to=2)
    steps = iter([{"state": State.RUNNING, "done": 1, "total": 2}, {"state": State.DONE, "done": 2}])
    monkeypatch.setattr(
        "chengheng.common.jobs.terminal.time.sleep", lambda s: Job.objects.filter(pk=job.pk).update(**next(steps))
    )
    out = io.StringIO()
    assert jobs.follow(job, out).state == State.DONE
    assert "50%" in out.getvalue()


def test_ctrl_c_asks_the_worker_to_cancel(db, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("insert into procrastinate_workers (last_heartbeat) values (now())")
    job = start(to=2)

    def sleep(seconds):
        if not Job.objects.get(pk=job.pk).cancel_requested:
            raise KeyboardInterrupt
        Job.objects.filter(pk=job.pk).update(state=State.CANCELLED)

    monkeypatch.setattr("chengheng.common.jobs.terminal.time.sleep", sleep)
    assert jobs.follow(job, io.StringIO()).state == State.CANCELLED
