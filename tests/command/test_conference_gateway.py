"""The gateway's border, with the real Janus and no browser: who is let in, what may be sent, who is out at once."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from django.conf import settings as django_settings
from django.test import Client

from chengheng.command.conference import actions, engine, queries, verbs
from chengheng.command.conference.models import Attendance, Meeting, Participant
from chengheng.command.models import Site
from tests import access
from tests.command.conference_site import ConferenceSite, until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(120),
    pytest.mark.skipif(not shutil.which("janus"), reason="Janus is not installed"),
]

OFFER = "\r\n".join((
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=rtcp-mux", "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=fingerprint:sha-256 " + ":".join(["AA"] * 32), "a=setup:actpass", "a=mid:0",
    "a=sendonly", "a=rtpmap:111 opus/48000/2", "",
))  # fmt: skip


@pytest.fixture
def site(settings: Any) -> Iterator[ConferenceSite]:
    if not engine.media_host():
        pytest.skip("this machine has no network interface but loopback")
    folder = Path(tempfile.mkdtemp(prefix="ch-conf-"))
    folder.chmod(0o755)
    try:
        with ConferenceSite(settings, folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def meeting(city: Any, site: ConferenceSite) -> Meeting:
    return actions.call_now(city.chief, title="Snow", sites=Site.objects.all(), minutes=60)


class Line:
    """One WebSocket of one person, used from the live process's own loop."""

    def __init__(self, site: ConferenceSite, user: Any) -> None:
        self.site, self.user = site, user
        client = Client()
        access.sign_in(client, user)
        self.cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        self.heard: list[dict[str, Any]] = []
        self.status = 0
        self.closed = False
        self._task: Any = None
        self._socket: Any = None

    def open(self, ticket: str) -> Line:
        self._task = asyncio.run_coroutine_threadsafe(self._run(ticket), self.site.loop)
        until(lambda: self.status, 10)
        return self

    async def _run(self, ticket: str) -> None:
        jar = {django_settings.SESSION_COOKIE_NAME: self.cookie}
        async with aiohttp.ClientSession(cookies=jar) as http:
            address = f"http://127.0.0.1:{self.site.settings.LIVE_PORT}/command/room"
            try:
                async with http.ws_connect(address, params={"ticket": ticket}) as self._socket:
                    self.status = 101
                    async for message in self._socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            self.heard.append(message.json())
            except aiohttp.WSServerHandshakeError as error:
                self.status = error.status
        self.closed = True

    def say(self, **message: Any) -> None:
        self.site.run(self._socket.send_json(message))

    def got(self, kind: str, seconds: float = 8, **having: Any) -> dict[str, Any]:
        def look() -> Any:
            return next(
                (one for one in self.heard if one["t"] == kind and all(one.get(k) == v for k, v in having.items())),
                None,
            )

        until(look, seconds, 0.01)
        found: dict[str, Any] = look()
        return found

    def enter(self, meeting: Meeting) -> Line:
        self.open(actions.make_ticket(self.user, meeting))
        self.got("welcome")
        return self

    def close(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()


@pytest.fixture
def line(site: ConferenceSite) -> Iterator[Any]:
    made: list[Line] = []

    def one(user: Any) -> Line:
        made.append(Line(site, user))
        return made[-1]

    yield one
    for each in made:
        each.close()
    until(lambda: all(each.closed or each._task is None or each._task.done() for each in made))


def test_a_ticket_that_is_forged_used_or_somebody_elses_opens_nothing(city, meeting, line):
    assert line(city.at_east).open("forged").status == 403
    ticket = actions.make_ticket(city.at_east, meeting)
    assert line(city.at_east).open(ticket).status == 101
    assert line(city.at_east).open(ticket).status == 403
    theirs = actions.make_ticket(city.at_east, meeting)
    assert line(city.at_west).open(theirs).status == 403


def test_a_viewer_cannot_send_and_a_venue_can(city, meeting, line):
    viewer = line(city.dispatcher).enter(meeting)
    viewer.say(t="pub", sdp=OFFER)
    viewer.got("refused", what="pub")
    venue = line(city.at_east).enter(meeting)
    venue.say(t="pub", sdp=OFFER)
    assert "a=recvonly" in venue.got("pub-answer")["sdp"]


def test_what_the_engine_must_not_see_never_reaches_it(city, meeting, line):
    venue = line(city.at_east).enter(meeting)
    venue.say(t="pub", sdp=OFFER + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n")
    venue.got("refused", what="pub")
    for nonsense in (
        {"t": "pub"},
        {"t": "view", "want": 7},
        {"t": "stats", "loss": "x"},
        {"t": "stats", "loss": "nan"},
        {"t": "act", "n": 1, "do": 5},
    ):
        venue.say(**nonsense)
    venue.say(t="act", n=2, do="say", text="still here")
    assert venue.got("done", n=2)["ok"] is True


def test_a_verb_that_is_not_theirs_is_refused_in_words(city, meeting, line):
    venue = line(city.at_east).enter(meeting)
    venue.say(t="act", n=1, do="mute_all")
    answer = venue.got("done", n=1)
    assert (answer["ok"], answer["code"]) == (False, "conference_not_your_verb")
    assert answer["message"]


def test_who_is_removed_is_out_at_once(city, meeting, line):
    chair, venue = line(city.chief).enter(meeting), line(city.at_east).enter(meeting)
    target = meeting.participants.get(organisation=city.east)
    began = time.monotonic()
    chair.say(t="act", n=1, do="remove", target=target.pk)
    venue.got("bye", code="removed")
    until(lambda: venue.closed)
    print("out after", time.monotonic() - began)
    until(lambda: Attendance.objects.filter(participant=target, left_at__isnull=False, why="removed").exists())


def test_an_act_of_a_page_reaches_everybody_in_the_meeting(city, meeting, line):
    venue = line(city.at_east).enter(meeting)
    verbs.use("set_banner", meeting.chair_id, city.chief, {"text": "雪情通报"}) if meeting.chair.admitted_at else None
    actions.enter(meeting.chair_id, city.chief)
    verbs.use("set_banner", meeting.chair_id, city.chief, {"text": "雪情通报"})
    until(lambda: any(one["t"] == "state" and one["doc"]["banner"] == "雪情通报" for one in venue.heard))
    actions.end_meeting(Meeting.objects.get(pk=meeting.pk), city.chief)
    venue.got("bye", code="ended")


def test_in_the_lobby_nothing_is_told_but_that_there_is_a_meeting(city, site, line):
    meeting = actions.call_now(city.chief, title="Closed", sites=Site.objects.all(), minutes=60, lobby=True)
    chair, venue = line(city.chief).enter(meeting), line(city.at_east).enter(meeting)
    doc = venue.got("welcome")["doc"]
    assert doc["waiting"] is True
    assert len(doc["participants"]) == 1
    venue.say(t="pub", sdp=OFFER)
    venue.got("refused", what="pub")
    chair.say(t="act", n=1, do="say", text="not for the lobby")
    chair.got("chat")
    chair.say(t="act", n=2, do="admit")
    until(lambda: any(one["t"] == "state" and not one["doc"].get("waiting") for one in venue.heard))
    assert "not for the lobby" not in str([one for one in venue.heard if one["t"] != "chat"])


def test_who_signs_out_is_out(city, meeting, line, monkeypatch):
    from django.contrib.sessions.models import Session

    venue = line(city.at_east).enter(meeting)
    Session.objects.filter(session_key=venue.cookie).delete()
    venue.got("bye", 20, code="signed_out")


def test_the_engine_dies_and_the_room_is_there_again(city, site, meeting, line):
    venue = line(city.at_east).enter(meeting)
    venue.say(t="pub", sdp=OFFER)
    venue.got("pub-answer")
    venue.heard.clear()
    site.engine.kill()
    venue.got("engine", up=False)
    site.engine.start()
    began = time.monotonic()
    venue.got("engine", up=True)
    venue.say(t="pub", sdp=OFFER)
    venue.got("pub-answer")
    took = time.monotonic() - began
    print("sending again", took, "s after the engine was started")
    assert took < 3


def test_nobody_is_written_as_present_after_the_live_process_begins_anew(city, site, meeting, line):
    line(city.at_east).enter(meeting)
    assert Participant.objects.filter(connected_at__isnull=False).count() == 1
    actions.close_stale()
    assert not Participant.objects.filter(connected_at__isnull=False).exists()
    assert queries.state(meeting.pk)["participants"]
