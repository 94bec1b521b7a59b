"""Meetings: who is called, who may enter, who may do what in one; sheets, votes, papers, repeats."""

from __future__ import annotations

import base64
import hmac
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from chengheng.command import exports as exports_of_runs
from chengheng.command.conference import actions, engine, errors, exports, queries, rules, turn, verbs
from chengheng.command.conference.models import Attendance, Meeting, Participant
from chengheng.command.models import LinkCheck, Site
from chengheng.common import trail
from chengheng.common.errors import NotFound, NotPermitted
from chengheng.common.files.errors import NoPages
from chengheng.common.notices.models import Notice
from chengheng.common.people.models import Duty
from chengheng.video.models import Channel, Device
from tests import access, builders
from tests.files.test_pages import pdf

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def with_engine(monkeypatch):
    """Whether Janus is installed does not matter for who may do what."""
    monkeypatch.setattr(engine, "is_here", lambda: True)


def call(city, **more) -> Meeting:
    more = {"title": "Snow", "starts_at": NOW, "minutes": 60, "sites": Site.objects.all(), "now": NOW} | more
    return actions.call_meeting(city.chief, **more)


@pytest.fixture
def meeting(city) -> Meeting:
    row = actions.begin_meeting(call(city), city.chief, now=NOW)
    for participant, user in ((0, city.chief), (1, city.at_east), (2, city.at_west), (3, city.at_unit)):
        actions.enter(list(row.participants.all())[participant].pk, user, now=NOW)
    return row


def seat(meeting, organisation) -> Participant:
    return meeting.participants.get(organisation=organisation)


def use(meeting, user, verb, **data) -> None:
    verbs.use(verb, queries.place_of(user, meeting).pk, user, data, now=NOW)
    meeting.refresh_from_db()


class TestCalling:
    def test_who_calls_chairs_from_the_own_venue_and_every_venue_is_asked(self, city):
        row = call(city)
        assert [(one.role, one.organisation.name) for one in row.participants.all()] == [
            ("chair", "Commission"), ("site", "East"), ("site", "West"), ("site", "Unit"),
        ]  # fmt: skip
        assert row.chair.site.kind == "main"

    def test_beginning_rings_every_venue_and_tells_who_is_there(self, city):
        row = actions.begin_meeting(call(city), city.chief, now=NOW)
        assert set(row.participants.filter(role="site").values_list("call", flat=True)) == {"ringing"}
        assert Notice.objects.filter(user=city.at_east, message__level="urgent").exists()
        assert row.chair.call == ""

    def test_who_was_not_there_in_a_minute_has_missed_it_and_may_be_called_again(self, city):
        row = actions.begin_meeting(call(city), city.chief, now=NOW)
        actions.sweep(now=NOW + timedelta(seconds=61))
        assert seat(row, city.east).call == "missed"
        actions.enter(row.chair_id, city.chief, now=NOW)
        use(row, city.chief, "call", target=seat(row, city.east).pk)
        assert seat(row, city.east).call == "ringing"

    def test_only_those_who_may_call_meetings_do(self, city):
        with pytest.raises(NotPermitted):
            actions.call_meeting(city.at_east, title="x", starts_at=NOW, minutes=5, sites=Site.objects.all())
        with pytest.raises(NotFound):  # a district does not call what is not below it
            actions.call_meeting(city.district, title="x", starts_at=NOW, minutes=5, sites=Site.objects.all())
        with pytest.raises(errors.NobodyInvited):
            call(city, sites=[])

    def test_a_repeated_meeting_calls_its_next_one_once(self, city):
        row = call(city, repeat="weekly", repeat_until=date(2026, 12, 1))
        actions.begin_meeting(row, city.chief, now=NOW)
        following = Meeting.objects.get(follows=row)
        assert following.starts_at == NOW + timedelta(days=7)
        assert following.participants.count() == row.participants.count()
        actions.begin_meeting(following, city.chief, now=following.starts_at)
        assert not Meeting.objects.filter(follows=following).exists()  # 7 December is past its last day

    def test_without_the_engine_no_meeting_begins(self, city, monkeypatch):
        monkeypatch.setattr(engine, "is_here", lambda: False)
        with pytest.raises(errors.EngineOff):
            actions.begin_meeting(call(city), city.chief)

    def test_who_lost_the_line_finds_the_microphone_open_and_who_left_does_not(self, city, meeting):
        use(meeting, city.at_east, "open_mic")
        for why, after, mic in (("lost", 20, "open"), ("lost", 90, "closed"), ("left", 5, "closed")):
            Participant.objects.filter(pk=seat(meeting, city.east).pk).update(mic="open")
            now = NOW + timedelta(hours=after)
            actions.leave(Attendance.objects.get(participant=seat(meeting, city.east), left_at=None), why, now=now)
            actions.enter(seat(meeting, city.east).pk, city.at_east, now=now + timedelta(seconds=after))
            assert seat(meeting, city.east).mic == mic

    def test_a_meeting_that_everybody_left_is_ended_after_its_time(self, city, meeting):
        for attendance in Attendance.objects.all():
            actions.leave(attendance, "left", now=NOW)
        actions.sweep(now=NOW + timedelta(minutes=30))
        meeting.refresh_from_db()
        assert meeting.is_running
        actions.sweep(now=NOW + timedelta(minutes=61))
        meeting.refresh_from_db()
        assert meeting.state == "ended"


class TestTickets:
    def test_a_ticket_opens_once_and_only_for_a_minute(self, city, meeting):
        text = actions.make_ticket(city.at_east, meeting, now=NOW)
        assert actions.take_ticket(text, now=NOW).participant == seat(meeting, city.east)
        for late in (text, "forged", text[:-1] + "x", ""):
            with pytest.raises(errors.TicketRefused):
                actions.take_ticket(late, now=NOW)
        old = actions.make_ticket(city.at_east, meeting, now=NOW)
        with pytest.raises(errors.TicketRefused):
            actions.take_ticket(old, now=NOW + timedelta(seconds=61))

    def test_who_has_no_place_gets_none_and_who_may_watch_becomes_a_viewer(self, city, meeting):
        with pytest.raises(NotFound):
            actions.make_ticket(
                city.district.__class__.objects.create(username="stranger", organisation=city.unit), meeting
            )
        actions.make_ticket(city.dispatcher, meeting, now=NOW)
        assert queries.place_of(city.dispatcher, meeting).role == "viewer"

    def test_a_locked_meeting_takes_nobody_new_but_those_who_were_in(self, city, meeting):
        use(meeting, city.chief, "lock", on=True)
        with pytest.raises(errors.MeetingLocked):
            actions.make_ticket(city.dispatcher, meeting)
        assert actions.make_ticket(city.at_east, meeting)

    def test_who_was_removed_does_not_come_back_with_a_ticket_made_before(self, city, meeting):
        text = actions.make_ticket(city.at_east, meeting, now=NOW)
        use(meeting, city.chief, "remove", target=seat(meeting, city.east).pk)
        with pytest.raises(errors.Removed):
            actions.take_ticket(text, now=NOW)
        with pytest.raises(errors.Removed):
            actions.make_ticket(city.at_east, meeting, now=NOW)


class TestVerbs:
    def test_the_muted_cannot_undo_it_until_the_chair_does(self, city, meeting):
        use(meeting, city.at_east, "open_mic")
        use(meeting, city.chief, "mute", target=seat(meeting, city.east).pk)
        with pytest.raises(errors.MutedByChair):
            use(meeting, city.at_east, "open_mic")
        use(meeting, city.at_east, "close_mic")
        assert seat(meeting, city.east).mic == "held"
        use(meeting, city.chief, "unmute", target=seat(meeting, city.east).pk)
        assert seat(meeting, city.east).mic == "closed"
        use(meeting, city.at_east, "open_mic")
        assert seat(meeting, city.east).mic == "open"

    def test_at_most_six_microphones_are_open(self, city, meeting):
        others = [
            Participant.objects.create(
                meeting=meeting, user=city.keeper if n == 0 else None, site=None if n == 0 else Site.objects.create(
                    code=f"X{n}", name=f"X{n}", kind="unit", organisation=city.unit, serves_from=date(2024, 1, 1)
                ),
                organisation=city.unit, name=str(n), mic="open", connected_at=NOW, admitted_at=NOW,
            ) for n in range(rules.MOST_MICS)
        ]  # fmt: skip
        with pytest.raises(errors.MicsFull):
            use(meeting, city.at_east, "open_mic")
        use(meeting, city.at_east, "ask_floor")
        with pytest.raises(errors.MicsFull):
            use(meeting, city.chief, "give_floor", target=seat(meeting, city.east).pk)
        Participant.objects.filter(pk=others[0].pk).update(mic="closed")
        use(meeting, city.chief, "give_floor", target=seat(meeting, city.east).pk)
        assert seat(meeting, city.east).mic == "open"
        assert meeting.spotlight == seat(meeting, city.east)

    @pytest.mark.parametrize("verb", sorted(set(rules.VERBS) - {"request_chair"}))
    def test_a_viewer_may_only_write(self, city, meeting, verb):
        actions.make_ticket(city.dispatcher, meeting, now=NOW)
        actions.enter(queries.place_of(city.dispatcher, meeting).pk, city.dispatcher, now=NOW)
        if verb == "say":
            use(meeting, city.dispatcher, verb, text="hello")
            return
        with pytest.raises(errors.NotYourVerb):
            use(meeting, city.dispatcher, verb)

    @pytest.mark.parametrize("verb", ["mute", "mute_all", "remove", "lock", "end", "broadcast", "record", "give_chair"])
    def test_a_venue_has_none_of_the_chairs_verbs(self, city, meeting, verb):
        with pytest.raises(errors.NotYourVerb):
            use(meeting, city.at_east, verb, target=seat(meeting, city.west).pk, on=True)

    def test_the_chair_is_released_asked_for_and_taken_back(self, city, meeting):
        with pytest.raises(errors.ChairTaken):
            use(meeting, city.at_east, "request_chair")
        use(meeting, city.chief, "release_chair")
        with pytest.raises(errors.NotYourVerb):
            use(meeting, city.chief, "mute_all")
        use(meeting, city.at_east, "request_chair")
        use(meeting, city.at_east, "mute_all")
        assert seat(meeting, city.west).mic == "held"
        use(meeting, city.chief, "request_chair")  # who called the meeting may always have it back
        assert meeting.chair == seat(meeting, city.commission)
        with pytest.raises(errors.NotYourVerb):
            use(meeting, city.at_east, "unmute_all")

    def test_the_roll_is_called_and_the_sheet_says_who_signed_when(self, city, meeting):
        use(meeting, city.chief, "begin_roll_call")
        use(meeting, city.at_east, "answer_roll_call")
        use(meeting, city.at_east, "answer_roll_call")
        use(meeting, city.chief, "mark_present", target=seat(meeting, city.west).pk)
        use(meeting, city.chief, "close_roll_call")
        with pytest.raises(errors.NoRollCall):
            use(meeting, city.at_unit, "answer_roll_call")
        rows = {row["place"].organisation.name: row for row in queries.sheet(meeting, meeting.roll_calls.get(), NOW)}
        assert rows["East"]["signed_at"] == NOW
        assert rows["Unit"]["signed_at"] is None
        assert rows["West"]["how"] != rows["East"]["how"]
        text = _words(exports.sign_in_sheet(meeting))
        assert "East venue" in text

    def test_a_vote_shows_who_has_cast_and_what_only_when_it_is_closed(self, city, meeting):
        use(meeting, city.chief, "open_vote", question="Start?", options=["yes", "no"])
        use(meeting, city.at_east, "cast", choice=0)
        use(meeting, city.at_east, "cast", choice=1)  # the last one counts
        use(meeting, city.at_west, "cast", choice=1)
        assert queries.state(meeting.pk)["vote"]["counts"] is None
        use(meeting, city.chief, "close_vote")
        assert queries.state(meeting.pk)["vote"]["counts"] == [0, 2]
        with pytest.raises(errors.BadVote):
            use(meeting, city.chief, "open_vote", question="?", options=["same", "same"])

    def test_one_screen_at_a_time(self, city, meeting):
        use(meeting, city.at_east, "share")
        with pytest.raises(errors.SomebodyShares):
            use(meeting, city.at_west, "share")
        use(meeting, city.chief, "stop_share")
        use(meeting, city.at_west, "share")
        assert meeting.presenter == seat(meeting, city.west)

    def test_in_the_lobby_nobody_does_anything_until_let_in(self, city):
        row = actions.begin_meeting(call(city, lobby=True), city.chief, now=NOW)
        actions.enter(row.chair_id, city.chief, now=NOW)
        actions.enter(seat(row, city.east).pk, city.at_east, now=NOW)
        with pytest.raises(errors.NotYourVerb):
            use(row, city.at_east, "say", text="let me in")
        use(row, city.chief, "admit", target=seat(row, city.east).pk)
        use(row, city.at_east, "say", text="thanks")

    @pytest.mark.parametrize("data", [
        {"target": "1"}, {"target": 10**30}, {"target": None}, {"target": True}, {}, {"places": 5}, {"on": 1},
    ])  # fmt: skip
    def test_values_that_make_no_sense_are_refused(self, city, meeting, data):
        for verb in ("mute", "set_layout", "lock", "poll", "extend", "remove", "set_banner", "invite"):
            with pytest.raises((errors.BadValue, errors.NotHere)):
                use(meeting, city.chief, verb, **data)

    def test_what_the_chair_does_is_in_the_trail(self, city, meeting):
        use(meeting, city.chief, "mute_all")
        entry = list(trail.history(meeting))[-1]
        assert (entry.act, entry.data["verb"]) == ("command.meeting.control", "mute_all")

    def test_the_end_puts_everything_away(self, city, meeting):
        use(meeting, city.chief, "begin_roll_call")
        use(meeting, city.chief, "end")
        assert meeting.state == "ended"
        assert meeting.roll_calls.get().closed_at == NOW
        with pytest.raises(errors.MeetingNotRunning):
            use(meeting, city.at_east, "say", text="still here?")


def _words(content: bytes) -> str:
    document = Document(io.BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def test_the_transcript_has_chat_and_decisions_in_order_and_the_minutes_who_was_there(city, meeting):
    use(meeting, city.at_east, "say", text="The bridges are clear.")
    use(meeting, city.chief, "broadcast", target=seat(meeting, city.west).pk)
    use(meeting, city.chief, "open_vote", question="Send more salt?", options=["yes", "no"])
    use(meeting, city.chief, "close_vote")
    meeting = actions.save_minutes(meeting, city.chief, "Salt goes to the west.")
    text = _words(exports.transcript(meeting))
    assert "The bridges are clear." in text
    assert "Send more salt?" in text
    assert "West venue" in text
    assert "Salt goes to the west." in _words(exports.minutes(meeting))


def test_a_venues_own_test_of_its_line_is_a_link_check(city):
    site = Site.objects.get(organisation=city.east)
    check = actions.report_line(city.at_east, site.pk, {"reached": "1", "loss": "1.5", "jitter": "4", "note": "x"})
    assert (check.result, check.way) == ("poor", LinkCheck.Way.MACHINE)
    with pytest.raises(NotFound):
        actions.report_line(city.at_west, site.pk, {"reached": "1", "loss": "0", "jitter": "0"})
    for loss in ("", "nan", "inf", "-1", "101"):
        with pytest.raises(errors.BadValue):
            actions.report_line(city.at_east, site.pk, {"reached": "1", "loss": loss, "jitter": "0"})


class TestRules:
    @given(
        st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
        st.sampled_from(["daily", "workdays", "weekly", "monthly"]),
    )
    def test_the_next_one_is_later_at_the_same_time_of_day(self, start, repeat):
        following = rules.next_start(start, repeat)
        assert following > start
        assert following.time() == start.time()
        assert following - start <= timedelta(days=31)
        assert repeat != "workdays" or following.weekday() < 5

    @given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=12))
    def test_time_present_counts_every_second_once(self, spans):
        made = [(NOW + timedelta(seconds=min(one)), NOW + timedelta(seconds=max(one))) for one in spans]
        seconds = {second for one in spans for second in range(min(one), max(one))}
        assert rules.present_seconds(made) == len(seconds)

    @given(
        st.lists(st.integers(1, 99), min_size=1, max_size=40, unique=True), st.integers(5, 60), st.integers(0, 10_000)
    )
    def test_everybody_is_shown_in_turn(self, order, seconds, after):
        shown = rules.polled(order, NOW, seconds, NOW + timedelta(seconds=after))
        assert shown == order[after // seconds % len(order)]


class TestADocument:
    def show(self, meeting, user, **data):
        paper = actions.add_paper(meeting, user, pdf("red", "lime", "blue"), "方案.pdf")
        use(meeting, user, "show_paper", file=paper.pk)
        return paper

    def test_is_turned_by_who_shows_it_and_by_the_chair_and_everybody_follows(self, city, meeting, settings, tmp_path):
        settings.FILE_STORE = tmp_path
        paper = self.show(meeting, city.at_east)
        Participant.objects.filter(pk=seat(meeting, city.east).pk).update(connected_at=timezone.now())
        shown = queries.state(meeting.pk)["paper"]
        assert (shown["page"], shown["pages"], shown["by"]) == (1, 3, seat(meeting, city.east).pk)
        assert shown["url"] == f"/files/{paper.pk}/pages/1"
        use(meeting, city.at_east, "turn_page", page=3)
        use(meeting, city.chief, "turn_page", page=2)
        assert queries.state(meeting.pk)["paper"]["page"] == 2
        with pytest.raises(errors.SomebodyShows):
            use(meeting, city.at_west, "turn_page", page=1)
        with pytest.raises(errors.SomebodyShows):
            use(meeting, city.at_west, "hide_paper")
        with pytest.raises(errors.BadValue):
            use(meeting, city.chief, "turn_page", page=4)
        use(meeting, city.chief, "board", on=True)  # the latest stands before everybody
        assert queries.state(meeting.pk)["paper"] is None

    def test_of_another_meeting_or_kind_is_not_shown(self, city, meeting, client, settings, tmp_path):
        settings.FILE_STORE = tmp_path
        other = call(city, title="Other")
        foreign = actions.add_paper(other, city.chief, pdf("red"), "x.pdf")
        words = actions.add_paper(meeting, city.chief, b"words", "x.txt")
        with pytest.raises(errors.BadValue):
            use(meeting, city.chief, "show_paper", file=foreign.pk)
        with pytest.raises(NoPages):
            use(meeting, city.chief, "show_paper", file=words.pk)
        with pytest.raises(errors.BadValue):
            use(meeting, city.chief, "turn_page", page=1)
        stranger = builders.holder("patrol.collector")
        assert access.sign_in(client, stranger).get(f"/files/{foreign.pk}/pages/1").status_code == 404
        assert access.sign_in(client, city.chief).get(f"/files/{foreign.pk}/pages/1")["Content-Type"] == "image/webp"


class TestTheWhiteboard:
    LINE = {"points": [0, 0, 10_000, 10_000], "colour": rules.INKS[1], "width": 6}

    def test_is_drawn_on_by_who_may_send_while_it_is_up(self, city, meeting):
        with pytest.raises(errors.BoardClosed):
            use(meeting, city.at_east, "draw", **self.LINE)
        with pytest.raises(errors.NotYourVerb):
            use(meeting, city.at_east, "board", on=True)
        use(meeting, city.chief, "board", on=True)
        use(meeting, city.at_east, "draw", **self.LINE)
        (stroke,) = queries.strokes(meeting.pk)
        assert (stroke["points"], stroke["by"]) == (self.LINE["points"], seat(meeting, city.east).pk)
        assert queries.strokes(meeting.pk, stroke["id"]) == []
        with pytest.raises(errors.NotYourVerb):
            use(meeting, city.at_east, "wipe_board")
        use(meeting, city.chief, "wipe_board")
        assert queries.strokes(meeting.pk) == []
        assert meeting.strokes.count() == 1
        use(meeting, city.at_east, "draw", **self.LINE)
        assert len(queries.strokes(meeting.pk)) == 1

    @pytest.mark.parametrize("change", [
        {"points": [1]}, {"points": [1, 2, 3]}, {"points": [1, 10_001]}, {"points": [1, -1]}, {"points": "1,2"},
        {"points": [True, False]}, {"points": [0, 0] * 401}, {"colour": "red; x"}, {"width": 0}, {"width": 61},
    ])  # fmt: skip
    def test_takes_nothing_else(self, city, meeting, change):
        use(meeting, city.chief, "board", on=True)
        with pytest.raises(errors.BadValue):
            use(meeting, city.chief, "draw", **(self.LINE | change))

    def test_is_full_some_time(self, city, meeting, monkeypatch):
        monkeypatch.setattr(rules, "MOST_STROKES", 2)
        use(meeting, city.chief, "board", on=True)
        for _stroke in range(2):
            use(meeting, city.chief, "draw", **self.LINE)
        with pytest.raises(errors.BoardFull):
            use(meeting, city.chief, "draw", **self.LINE)


def test_the_relay_is_told_with_a_password_that_ends_by_itself(settings):
    settings.TURN_URLS, settings.TURN_SECRET = "stun:relay:3478, turn:relay:3478?transport=tcp", "north"
    stun, relay = turn.servers("p7", now=1_700_000_000)
    assert stun == {"urls": "stun:relay:3478"}
    assert relay["username"] == "1700043200:p7"  # twelve hours on
    expected = hmac.new(b"north", b"1700043200:p7", "sha1").digest()
    assert base64.b64decode(relay["credential"]) == expected
    settings.TURN_SECRET = ""
    assert turn.servers("p7") == [{"urls": "stun:relay:3478"}]  # without the secret no name would be let in
    settings.TURN_URLS = ""
    assert turn.servers("p7") == []


class TestACamera:
    def camera(self, city) -> Channel:
        device = Device.objects.create(gb_id="12010000002000000009", name="d", organisation=city.east)
        return Channel.objects.create(
            device=device, gb_id="12010000001310000001", organisation=city.east, name="Bridge"
        )

    def test_takes_part_only_by_who_may_watch_it(self, city):
        key = f"video.channel:{self.camera(city).pk}"
        for bad in (key, "video.channel:0", "people.user:1", "x"):
            with pytest.raises(NotFound):
                actions.call_meeting(
                    city.chief, title="x", starts_at=NOW, minutes=5, sites=Site.objects.all(), cameras=[bad]
                )
        chief = builders.also(city.chief, "video.viewer")
        meeting = actions.call_meeting(
            chief, title="x", starts_at=NOW, minutes=5, sites=Site.objects.all(), cameras=[key, key]
        )
        row = meeting.participants.get(role="camera")
        assert (row.name, row.brought_by, row.picture) == ("Bridge", chief, key)
        assert all(found["place"] != row for found in queries.sheet(meeting, None))
        assert not any(row.role in those for those in rules.VERBS.values())
        assert queries.picture_of(row.pk) is None  # not before the meeting runs
        Meeting.objects.filter(pk=meeting.pk).update(state="running")
        assert queries.picture_of(row.pk) == (key, chief.pk)
        assert (actions.ring(meeting, [], NOW), row.call) == (0, "")
        Duty.objects.filter(user=chief, role="video.viewer").delete()
        assert queries.picture_of(row.pk) is None

    def test_there_are_not_too_many(self, city, monkeypatch):
        monkeypatch.setattr(rules, "MOST_CAMERAS", 0)
        chief = builders.also(city.chief, "video.viewer")
        with pytest.raises(errors.CamerasFull):
            actions.call_meeting(
                chief, title="x", starts_at=NOW, minutes=5, sites=Site.objects.all(),
                cameras=[f"video.channel:{self.camera(city).pk}"],
            )  # fmt: skip


def test_who_is_still_signed_in_is_asked_for_all_at_once(city, client, django_assert_max_num_queries):
    """As one by one, with few questions: the live process asks every few seconds for everybody in a meeting."""
    from django.test import Client

    from chengheng.common.live import user_of_session
    from tests import access

    people = [city.chief, city.dispatcher, city.at_east, city.at_west, city.at_unit]
    keys = {user.pk: access.sign_in(Client(), user).cookies["session"].value for user in people}
    wanted = set(keys.items()) | {
        (city.chief.pk, keys[city.at_east.pk]),
        (city.chief.pk, "forged"),
    }
    with django_assert_max_num_queries(12):
        kept = queries.still_permitted(wanted)
    assert kept == {one for one in keys.items() if user_of_session(one[1]) is not None} != set()
    city.at_east.set_password("another one, long enough")
    city.at_east.save()
    city.at_west.is_active = False
    city.at_west.save()
    city.at_unit.is_demo = True  # may not sign in outside of a demonstration
    city.at_unit.save()
    assert user_of_session(keys[city.at_unit.pk]) is None
    left = {pk for pk, _key in queries.still_permitted(wanted)}
    assert left == {city.chief.pk, city.dispatcher.pk}


def test_the_state_of_a_meeting_is_one_question_and_says_what_its_rows_say(city, meeting, django_assert_num_queries):
    """It is asked after every act: a query more there is a query more for each of everybody's acts."""
    with django_assert_num_queries(1):
        found = queries.state(meeting.pk)
    assert queries.state(0) is None
    assert (found["id"], found["title"], found["state"], found["chair"]) == (
        meeting.pk, meeting.title, "running", meeting.chair_id,
    )  # fmt: skip
    assert datetime.fromisoformat(found["began"]) == meeting.began_at
    assert (found["roll"], found["vote"], found["files"], found["tape"], found["said"]) == (None, None, [], "", 0)
    rows = list(meeting.participants.order_by("position", "pk"))
    assert [one["id"] for one in found["participants"]] == [row.pk for row in rows]
    for one, row in zip(found["participants"], rows, strict=True):
        assert one | {"floor": None} == {
            "id": row.pk, "name": row.name, "role": row.role, "site": row.site_id, "here": row.is_here, "call": row.call,
            "mic": row.mic, "cameraHeld": row.camera_held, "floor": None, "admitted": row.admitted_at is not None,
            "waiting": row.is_here and row.admitted_at is None, "removed": row.removed_at is not None,
        }  # fmt: skip
    place = meeting.participants.get(role="chair")
    verbs.use("ask_floor", place.pk, city.chief, {})
    verbs.use("say", place.pk, city.chief, {"text": "开始"})
    verbs.use("begin_roll_call", place.pk, city.chief, {})
    verbs.use("record", place.pk, city.chief, {"on": True})
    actions.add_paper(meeting, city.chief, b"%PDF-1.4 x", "方案.pdf")
    found = queries.state(meeting.pk)
    place.refresh_from_db()
    (mine,) = (one for one in found["participants"] if one["id"] == place.pk)
    assert datetime.fromisoformat(mine["floor"]) == place.asked_floor_at
    assert found["roll"]["open"]
    assert found["tape"] == meeting.tape.folder
    assert found["said"] == meeting.remarks.get().pk
    assert [(one["name"], one["by"]) for one in found["files"]] == [("方案.pdf", str(city.chief))]


def test_the_course_of_events_is_one_question(city, plan, django_assert_num_queries):
    from chengheng.command import actions as dispatch

    run = dispatch.start_plan(plan.levels.get(), city.chief, reason="Snow")
    expected = []
    for subject in (run, *run.orders.all(), *(row for order in run.orders.all() for row in order.targets.all())):
        expected += [(entry.at, str(subject), entry.act_label) for entry in trail.history(subject)]
    with django_assert_num_queries(3):
        found = exports_of_runs.events(run)
    assert len(found) == len(expected) > 4
    assert {(at, what) for at, what, _who, _note in found} == {(at, f"{act} · {who}") for at, who, act in expected}
    assert [row[0] for row in found] == sorted(row[0] for row in found)
