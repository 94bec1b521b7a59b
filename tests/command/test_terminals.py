"""Terminals (SIP) of venues in meetings: entered, signed in, called, heard and seen; baresip is the telephone."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chengheng.command.conference import actions, queries, terminals, verbs
from chengheng.command.conference.errors import MeetingLocked, NotHere, NotYourVerb, Removed
from chengheng.command.conference.models import Meeting, Participant, Terminal
from chengheng.command.models import Site
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.protocols.sip import digest
from chengheng.protocols.sip.endpoint import Peer
from chengheng.protocols.sip.message import Message, parse
from tests import access
from tests.command import softphone
from tests.command.conference_site import until
from tests.command.softphone import Softphone
from tests.command.test_conference_in_the_browser import (  # noqa: F401
    cameras,
    meeting,
    seats,
    site,
)

browser = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(480),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("janus"), reason="Janus is not installed"),
    pytest.mark.skipif(not softphone.is_here(), reason="baresip with H.264 or ffmpeg is not installed"),
]


def enter(city: Any, number: str, name: str, organisation: Any) -> tuple[Terminal, str]:
    row = Terminal(number=number, name=name, site=Site.objects.get(organisation=organisation))
    return row, terminals.save(city.keeper, row)


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Any]:
    opened: list[Softphone] = []

    def ring(*given: Any, **more: Any) -> Softphone:
        opened.append(Softphone(tmp_path / f"phone{len(opened)}", *given, **more).__enter__())
        return opened[-1]

    yield ring
    for phone in opened:
        phone.__exit__()


def loud(folder: Path) -> float:
    """The largest mean level, of 32768, of any second of what was heard. The files are still being written: no header yet."""
    import numpy

    most = 0.0
    for path in folder.glob("*dec*.wav"):
        data = path.read_bytes()[44:]
        samples = numpy.abs(numpy.frombuffer(data[: len(data) // 2 * 2], dtype=numpy.int16).astype(float))
        for at in range(0, len(samples) - 8000, 8000):
            most = max(most, float(samples[at : at + 8000].mean()))
    return most


def seen(phone: Softphone) -> float:
    """Pictures a second that the telephone decodes now."""
    found = re.findall(r"efps=[0-9.]+/([0-9.]+)", phone.log)
    return float(found[-1]) if found else 0.0


SOUNDS = ".conf-sounds audio"
HEARD = """(async (sounds) => {
  let most = 0;
  for (const audio of document.querySelectorAll(sounds)) {
    const context = new AudioContext(), from = context.createMediaStreamSource(audio.srcObject), meter = context.createAnalyser();
    from.connect(meter);
    const data = new Float32Array(meter.fftSize);
    for (let at = 0; at < 20; at++) {
      await new Promise((done) => setTimeout(done, 50));
      meter.getFloatTimeDomainData(data);
      most = Math.max(most, ...data.map(Math.abs));
    }
    await context.close();
  }
  return most;
})"""


class TestATelephone:
    pytestmark = browser

    def test_is_called_seen_heard_muted_and_hung_up(self, city, site, meeting, seats, phones):
        east, password = enter(city, "1001", "East terminal", city.east)
        west, other = enter(city, "1002", "West terminal", city.west)
        port = site.settings.TERMINAL_PORT
        phone = phones("1001", password, port)
        until(lambda: Terminal.objects.get(pk=east.pk).is_reachable)
        assert "baresip" in Terminal.objects.get(pk=east.pk).agent
        chair = seats(city.chief, small=False).enter(meeting)
        chair.until("document.querySelector('.conf')?.dataset.line === 'up'")
        me = meeting.participants.get(role="chair")
        verbs.use("bring_terminal", me.pk, city.chief, {"terminal": east.pk})
        began = time.monotonic()
        chair.sees("East terminal")
        print("picture of the terminal at the chair after", time.monotonic() - began, "s")
        place = meeting.participants.get(name="East terminal")
        assert place.mic == "open"
        chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
        assert chair.page.evaluate(HEARD, SOUNDS) > 0.01
        # the other way: the chair's picture, of which the engine picks a layer, is decoded by the telephone
        until(lambda: seen(phone) > 3 or chair.page.wait_for_timeout(200), 60)
        print("pictures a second at the terminal", seen(phone))
        # the voice switch goes to it, as to a browser that speaks
        verbs.use("voice_switch", me.pk, city.chief, {"on": True})
        chair.until("document.querySelector('.conf-tile.is-main .conf-label')?.textContent.includes('East terminal')")
        assert chair.page.evaluate("document.querySelector('.conf-tile.is-main').classList.contains('is-talking')")
        # a second one, in G.711, which hears the mix of the first one's tone and of the chair
        echo = phones("1002", other, port, sound="PCMU/8000/1", echo=True)
        until(lambda: Terminal.objects.get(pk=west.pk).is_reachable)
        echo.say(f"/dial sip:{meeting.pk}@127.0.0.1:{port}\n")
        chair.sees("West terminal")
        until(lambda: loud(echo.heard) > 300 or chair.page.wait_for_timeout(300), 60)
        chair.page.wait_for_timeout(1500)
        print("level heard by the second terminal", loud(echo.heard))
        # and is heard: it says what it hears
        chair.until("document.querySelectorAll('.conf-sounds audio').length === 2")
        second = f"{SOUNDS}[data-key='{meeting.participants.get(name='West terminal').pk}/sound']"
        level = chair.page.evaluate(HEARD, second)
        print("level of the second terminal at the chair", level)
        assert level > 0.01
        # muted: nothing of it reaches the browser or the other terminal any more
        pk = place.pk
        chair.page.locator(f"[data-person='{pk}']").get_by_role("button", name="静音", exact=True).click()
        until(lambda: Participant.objects.get(pk=pk).mic == "held" or chair.page.wait_for_timeout(50))
        chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
        assert chair.page.locator(second).count() == 1
        chair.until("!document.querySelector('.conf-tile.is-talking .conf-label')?.textContent.includes('East')")
        spoke = meeting.events.filter(what="spoke", by=place)
        until(lambda: spoke.exists() or chair.page.wait_for_timeout(50))
        assert spoke.first().data["seconds"] > 2
        verbs.use("voice_switch", me.pk, city.chief, {"on": False})
        # the roll: it signs in with a key
        chair.press("主席台")
        chair.press("点名")
        chair.press("会场")
        phone.say("1")
        chair.until(f"document.querySelector(\"[data-person='{pk}']\").textContent.includes('已签到')")
        chair.shot("conf-terminal")
        # the engine dies: the calls stand, pictures come back
        site.engine.kill()
        site.engine.start()
        began = time.monotonic()
        chair.page.wait_for_timeout(500)
        chair.page.evaluate("window.seenFrames = {}")
        chair.sees("East terminal", "West terminal")
        print("pictures of terminals again", time.monotonic() - began, "s after the engine was started")
        assert Participant.objects.get(pk=pk).mic == "held"
        # hung up from the console, and by the terminal itself
        row = chair.page.locator(f"[data-person='{pk}']")
        row.locator("summary").click()
        row.get_by_role("button", name="挂断").click()
        phone.until("terminated", 10)
        until(lambda: Participant.objects.get(pk=pk).connected_at is None or chair.page.wait_for_timeout(50))
        echo.say("/hangup\n")
        until(
            lambda: (
                not Participant.objects.filter(role="terminal", connected_at__isnull=False).exists()
                or chair.page.wait_for_timeout(50)
            )
        )
        assert {one.why for one in place.attendances.all()} == {"hung_up"}
        sheet = queries.sheet(meeting, meeting.roll_calls.last())
        assert next(one for one in sheet if one["place"].pk == pk)["signed_at"] is not None

    def test_that_must_encrypt_is_heard_and_seen_by_srtp_and_refused_in_the_clear(
        self, city, site, meeting, seats, phones
    ):  # fmt: skip
        secret, password = enter(city, "1003", "Secret terminal", city.east)
        secret.encryption = "required"
        terminals.save(city.keeper, secret)
        port = site.settings.TERMINAL_PORT
        chair = seats(city.chief, small=False).enter(meeting)
        chair.until("document.querySelector('.conf')?.dataset.line === 'up'")
        plain = phones("1003", password, port)
        until(lambda: Terminal.objects.get(pk=secret.pk).is_reachable)
        plain.say(f"/dial sip:{meeting.pk}@127.0.0.1:{port}\n")
        plain.until("488", 15)
        plain.__exit__()
        phone = phones("1003", password, port, encryption="srtp-mand")
        phone.until("200 OK", 20)
        phone.say(f"/dial sip:{meeting.pk}@127.0.0.1:{port}\n")
        print("picture by SRTP after", chair.sees("Secret terminal", seconds=60))
        chair.until("document.querySelectorAll('.conf-sounds audio').length === 1")
        assert chair.page.evaluate(HEARD, SOUNDS) > 0.01
        until(lambda: seen(phone) > 3 or chair.page.wait_for_timeout(200), 60)
        print("pictures a second at the terminal", seen(phone))
        (leg,) = [leg for room in site.service.rooms.values() for leg in room.terminals.values()]
        assert leg.sound.is_encrypted
        assert leg.picture.is_encrypted


@pytest.fixture
def running(city: Any, monkeypatch: pytest.MonkeyPatch) -> Meeting:
    monkeypatch.setattr("chengheng.command.conference.engine.is_here", lambda: True)
    made = actions.call_now(city.chief, title="Meeting", sites=Site.objects.all(), minutes=60)
    actions.enter(made.participants.get(role="chair").pk, city.chief)
    return made


class TestATerminal:
    def test_is_entered_by_who_may_and_its_password_is_not_kept(self, city):
        row, password = enter(city, "1001", "Terminal", city.east)
        assert len(password) == 16
        assert password not in str(Terminal.objects.values().get())
        assert terminals.known("1001") == (row.pk, "1001", digest.ha1("1001", "chengheng", password), "")
        with pytest.raises(NotPermitted):
            terminals.save(city.at_east, row)
        assert terminals.save(city.keeper, row) == ""
        assert terminals.save(city.keeper, row, renew=True) not in ("", password)
        row.number = "1002"
        assert terminals.save(city.keeper, row)  # the digest holds for one number only
        row.in_use = False
        terminals.save(city.keeper, row)
        assert terminals.known("1002") is None

    def test_is_called_in_by_the_chair_muted_opened_and_hung_up(self, city, running):
        row, _password = enter(city, "1001", "Terminal", city.east)
        me = running.participants.get(role="chair")
        use = lambda verb, **data: verbs.use(verb, me.pk, city.chief, data)  # noqa: E731
        use("bring_terminal", terminal=row.pk)
        place = running.participants.get(role="terminal")
        assert (place.call, place.organisation, terminals.where(place.pk)) == ("ringing", city.east, None)
        terminals.signed_in(row.pk, "sip:1001@192.0.2.7:5060", "192.0.2.7", 5060, "udp", 60, "Maker")
        assert terminals.where(place.pk) == ("1001", "sip:1001@192.0.2.7:5060", "192.0.2.7", 5060, "udp", "")
        attendance = terminals.came(place.pk)
        place.refresh_from_db()
        assert (place.mic, place.call, place.is_here) == ("open", "accepted", True)
        use("mute", target=place.pk)
        place.refresh_from_db()
        assert place.mic == "held"
        use("unmute", target=place.pk)  # the terminal's own key opens it otherwise; here nobody else can
        place.refresh_from_db()
        assert place.mic == "open"
        with pytest.raises(NotHere):
            use("give_chair", target=place.pk)
        use("begin_roll_call")
        terminals.pressed(place.pk, "1")
        terminals.pressed(place.pk, "2")
        place.refresh_from_db()
        assert place.asked_floor_at is not None
        assert running.roll_calls.get().answers.filter(participant=place, how="self").count() == 1
        use("hang_up", target=place.pk)
        terminals.went(place.pk, attendance, "hung_up")
        place.refresh_from_db()
        assert (place.call, place.is_here) == ("", False)
        line = next(one for one in queries.sheet(running, running.roll_calls.get()) if one["place"] == place)
        assert line["signed_at"]
        assert line["times"] == 1

    def test_a_venue_may_not_use_the_chairs_verbs_on_it(self, city, running):
        row, _password = enter(city, "1001", "Terminal", city.east)
        place = running.participants.get(organisation=city.east)
        actions.enter(place.pk, city.at_east)
        for verb in ("bring_terminal", "hang_up"):
            with pytest.raises(NotYourVerb):
                verbs.use(verb, place.pk, city.at_east, {"terminal": row.pk, "target": place.pk})

    def test_dials_in_to_its_venues_meeting_only(self, city, running):
        row, _password = enter(city, "1001", "Terminal", city.east)
        assert terminals.calls_in(row.pk, "0")[0] == running.pk
        assert terminals.calls_in(row.pk, str(running.pk))[0] == running.pk
        elsewhere = actions.call_now(
            city.chief, title="Other", sites=Site.objects.filter(organisation=city.west), minutes=60
        )
        for dialled in (str(elsewhere.pk), "99999999999", "", "abc", "²"):
            with pytest.raises(NotFound):
                terminals.calls_in(row.pk, dialled)
        Participant.objects.filter(role="terminal").update(removed_at=running.began_at)
        with pytest.raises(Removed):
            terminals.calls_in(row.pk, "0")
        Participant.objects.filter(role="terminal").update(removed_at=None)
        Meeting.objects.filter(pk=running.pk).update(locked=True)
        with pytest.raises(MeetingLocked):
            terminals.calls_in(row.pk, str(running.pk))

    def test_waits_in_the_lobby_when_it_calls_by_itself(self, city, running):
        row, _password = enter(city, "1001", "Terminal", city.east)
        Meeting.objects.filter(pk=running.pk).update(lobby=True)
        _meeting, place = terminals.calls_in(row.pk, "0")
        terminals.came(place)
        terminals.pressed(place, "2")
        found = Participant.objects.get(pk=place)
        assert found.is_here
        assert found.admitted_at is None
        assert found.asked_floor_at is None

    def test_a_seventh_microphone_stays_closed(self, city, running):
        row, _password = enter(city, "1001", "Terminal", city.east)
        for index in range(6):
            Participant.objects.create(
                meeting=running, role="camera", picture=f"x:{index}", name="x", organisation=city.east, mic="open",
                connected_at=running.began_at,
            )  # fmt: skip
        _meeting, place = terminals.calls_in(row.pk, "0")
        terminals.came(place)
        assert Participant.objects.get(pk=place).mic == "closed"

    def test_the_pages(self, city, client):
        access.sign_in(client, city.keeper)
        answer = client.post(
            "/command/terminals/new/",
            {
                "number": "1001",
                "name": "Hall",
                "site": Site.objects.get(organisation=city.east).pk,
                "address": "",
                "in_use": "on",
            },
        )
        row = Terminal.objects.get()
        assert "no-store" in answer["Cache-Control"]
        password = re.search(r"<code>([a-z0-9]{16})</code>", answer.content.decode())
        assert password
        assert terminals.known("1001") == (row.pk, "1001", digest.ha1("1001", "chengheng", password[1]), "")
        assert "1001" in client.get("/command/terminals/").content.decode()
        assert (
            client.post(f"/command/terminals/{row.pk}/", {"number": "1", "name": "", "address": "a b"}).status_code
            == 422
        )
        access.sign_in(client, city.at_east)
        assert client.get("/command/terminals/new/").status_code == 403


class TestTheExchange:
    """With messages as bytes; the database is asked as in the live process."""

    @pytest.fixture
    def exchange(self, city: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        from chengheng.command.conference.live import exchange

        async def here(function: Any, *args: Any, **more: Any) -> Any:
            return known if function is terminals.known and args == ("1001",) else None

        known = terminals.Known(1, "1001", digest.ha1("1001", "chengheng", "secret"))
        monkeypatch.setattr(exchange, "in_thread", here)
        settings.SIP_HOST, settings.TERMINAL_PORT = "127.0.0.1", 0
        return exchange

    @staticmethod
    def request(method: str, number: str = "1001", **more: str) -> Message:
        message = Message(method=method, uri="sip:0@127.0.0.1")
        for name, value in (
            ("via", "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1"), ("from", f"<sip:{number}@127.0.0.1>;tag=1"),
            ("to", "<sip:0@127.0.0.1>"), ("call-id", f"c{time.monotonic_ns()}"), ("cseq", f"1 {method}"),
            ("contact", f"<sip:{number}@127.0.0.1:9>"),
        ):  # fmt: skip
            message.set(name, value)
        for name, value in more.items():
            message.set(name, value)
        return message

    def asked(self, exchange: Any, *requests: Any) -> list[Message]:
        """The answers of one exchange to requests; one that is callable is made from the answer before it."""

        async def work() -> list[Message]:
            made = exchange.Exchange(lambda _meeting, _place: asyncio.sleep(0))
            sent: list[Message] = []
            await made.node.start()
            made.node._udp.close()
            made.node._udp = SimpleNamespace(
                is_closing=lambda: False, close=lambda: None, sendto=lambda data, _to: sent.append(parse(data))
            )
            for one in requests:
                request = one(sent[-1]) if callable(one) else one
                made.node.bytes_came(request.encode(), Peer("udp", "127.0.0.1", 9))
                await asyncio.sleep(0.02)
            await made.stop()
            return sent

        return asyncio.run(work())

    def test_lets_in_who_knows_the_password_and_nobody_else(self, exchange):
        def signed(password: str, number: str = "1001") -> Any:
            return lambda answer: self.request(
                "REGISTER", number,
                authorization=digest.answer(answer.get("www-authenticate"), number, password, "REGISTER", "sip:127.0.0.1"),
            )  # fmt: skip

        statuses = [
            one.status for one in self.asked(
                exchange, self.request("REGISTER"), signed("secret"), self.request("REGISTER"), signed("wrong"),
                self.request("REGISTER", "1009"), signed("secret", "1009"), self.request("INVITE"),
            )
        ]  # fmt: skip
        assert statuses == [401, 200, 401, 403, 401, 403, 100, 401]

    def test_a_nonce_works_once(self, exchange):
        kept: list[str] = []

        def first(answer: Message) -> Message:
            kept.append(digest.answer(answer.get("www-authenticate"), "1001", "secret", "REGISTER", "sip:127.0.0.1"))
            return self.request("REGISTER", authorization=kept[0])

        answers = self.asked(
            exchange, self.request("REGISTER"), first, lambda _last: self.request("REGISTER", authorization=kept[0])
        )
        assert [one.status for one in answers] == [401, 200, 401]
        assert "stale=TRUE" in answers[-1].get("www-authenticate")

    def test_who_guesses_is_not_answered_any_more(self, exchange):
        def wrong(answer: Message) -> Message:
            if not answer.get("www-authenticate"):  # nothing was answered: what it asks now is as good as anything
                return self.request("REGISTER")
            return self.request(
                "REGISTER",
                authorization=digest.answer(answer.get("www-authenticate"), "1001", "x", "REGISTER", "sip:a"),
            )

        answers = self.asked(exchange, *[one for _index in range(10) for one in (self.request("REGISTER"), wrong)])
        assert [one.status for one in answers].count(403) == 8
        assert len(answers) == 16

    def test_what_belongs_to_no_call_is_refused(self, exchange):
        answers = self.asked(
            exchange, self.request("BYE"), self.request("INFO"), self.request("SUBSCRIBE"), self.request("OPTIONS")
        )
        assert [one.status for one in answers] == [481, 481, 405, 200]
