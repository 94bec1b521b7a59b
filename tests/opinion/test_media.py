"""Pictures, video, sound and subtitles of an item become words with their place, heard by rules and search; hostile
files are refused within bounds."""

from __future__ import annotations

import io
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chengheng.common import files
from chengheng.common.files.models import Attachment
from chengheng.common.notices.models import Notice
from chengheng.opinion import actions, queries, reader
from chengheng.opinion.media import looking, sandbox, speech, subtitles
from chengheng.opinion.models import Alert, Claim, Excerpt, MediaLimit, Medium
from tests.access import sign_in
from tests.builders import holder
from tests.opinion import films
from tests.opinion.test_life import NOW, bring, fresh_reader, rule, said, source

__all__ = ["fresh_reader"]
WORDS = "紧急扩散 和平路地铁口昨晚塌陷"
SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>网传</i>燃气泄漏\n\n2\n00:00:05,000 --> 00:00:07,000\n请求证\n"


def put(item, content: bytes, name: str, who=None, kind: str = "medium") -> Medium:
    """Attach and read."""
    kept = files.attach(files.store(content, name), item, kind, who or holder("opinion.chief"), name)
    found = actions.read_medium(kept.pk, NOW)
    assert found is not None
    return found


def opened(tmp_path, content: bytes, media_type: str, **more) -> looking.Found:
    path = tmp_path / "file"
    path.write_bytes(content)
    return looking.look(path, media_type, **({"frames": 4, "seconds": 60, "words": False} | more))


# ── words of pictures and films ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.django_db
def test_words_in_a_picture_are_found_searched_and_alerted():
    films.able()
    rule()
    chief = holder("opinion.chief")
    (item,) = bring(source(), said("看图"))
    assert queries.search(chief, "地铁口") == []
    assert Alert.objects.count() == 0
    medium = put(item, films.png(films.drawn(WORDS, (900, 160))), "story.png", chief)
    (excerpt,) = medium.excerpts.all()
    assert (medium.state, excerpt.kind, excerpt.second) == ("read", "picture", None)
    assert excerpt.words.replace(" ", "") == WORDS.replace(" ", "")
    assert [one.pk for one in queries.search(chief, "地铁口 塌陷")] == [item.pk]
    assert queries.media_hits([item], ["塌陷"])[item.pk] == [excerpt]
    alert = Alert.objects.get()
    assert (alert.item_id, alert.excerpt) == (item.pk, excerpt)
    assert alert.from_collection == 0  # NOW is when it was brought and read
    item.refresh_from_db()
    assert item.body == ""  # what the publisher wrote stays as it was written
    assert item.event is not None
    assert "塌陷" in item.event.title
    assert Notice.objects.filter(body__contains="story.png").exists()
    again = actions.read_medium(medium.attachment_id, NOW)
    assert again is not None
    assert (Excerpt.objects.count(), Alert.objects.count()) == (1, 1)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_film_is_read_by_differing_frames_its_cover_and_its_subtitles(tmp_path, client):
    films.able()
    rule()
    rule("燃气", "燃气泄漏")
    chief = holder("opinion.chief")
    MediaLimit.objects.create(in_force_from="2026-01-01", frames=5, source="本市规定（测试）")
    scenes = [films.drawn("今日天气晴"), films.drawn("和平路路面塌陷", ground="yellow"), films.drawn("今日天气晴")]
    content = films.film(tmp_path, scenes, subtitles=SRT, cover=films.drawn("封面特报", ground="pink"))
    (item,) = bring(source(), said("一段视频"))
    medium = put(item, content, "现场.mp4", chief)
    found = {(one.kind, one.clock): one.words for one in medium.excerpts.all()}
    frames = [one for one in medium.excerpts.all() if one.kind == "frame"]
    assert [one.words for one in frames] == ["今日天气晴", "和平路路面塌陷"]  # the third scene looks like the first
    assert 4 <= frames[1].second < 8
    assert found["cover", ""] == "封面特报"
    assert (found["subtitle", "0:01"], found["subtitle", "0:05"]) == ("网传燃气泄漏", "请求证")
    assert all(one.shot and one.shot.file.media_type == "image/jpeg" for one in frames)
    assert medium.speech in ("", "absent")
    by_rule = {alert.rule.name: alert.excerpt for alert in Alert.objects.all()}
    assert by_rule == {"塌陷": frames[1], "燃气": medium.excerpts.get(words="网传燃气泄漏")}
    body = sign_in(client, chief).get(item.get_absolute_url()).content.decode()
    assert "<mark>塌陷</mark>" in body
    assert f"/files/{frames[1].shot_id}/thumbnail" in body
    hits = client.get("/opinion/search/", {"q": "塌陷"}).content.decode()
    assert f"#excerpt-{frames[1].pk}" in hits
    alert = Alert.objects.get(rule__name="塌陷")
    assert f"#excerpt-{frames[1].pk}" in client.get(alert.get_absolute_url()).content.decode()
    actions.read_medium(medium.attachment_id, NOW)  # again: frames are replaced, not doubled
    shots = Attachment.objects.filter(kind="frame", withdrawn_at=None)
    assert shots.count() == 3
    assert not Medium.objects.filter(attachment__kind="frame").exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_rumour_in_a_picture_opens_a_claim_with_its_words():
    films.able()
    rule(opens_claim=True)
    (item,) = bring(source(), said("转"))
    put(item, films.png(films.drawn("网传广场塌陷", (900, 160))), "a.png")
    claim = Claim.objects.get()
    assert "网传广场塌陷" in claim.words
    assert "网传广场塌陷" in claim.evidence.get().content


@pytest.mark.django_db
def test_subtitle_files_are_told_by_their_content_and_heard():
    rule()
    chief = holder("opinion.chief")
    (item,) = bring(source(), said("视频一则"))
    medium = put(item, "WEBVTT\n\n00:10.000 --> 00:12.000\n前方路面塌陷\n".encode("gb18030"), "said.vtt", chief)
    (excerpt,) = medium.excerpts.all()
    assert (medium.state, excerpt.kind, excerpt.clock, excerpt.words) == ("read", "subtitle", "0:10", "前方路面塌陷")
    assert Alert.objects.get().excerpt == excerpt
    files.attach(files.store("只是一段文字".encode(), "note.txt"), item, "medium", chief, "note.txt")
    assert Medium.objects.count() == 1  # a text that holds no subtitles is kept and not read
    held = actions.try_rule(chief, rule("试", "前方"), 30, now=NOW)
    assert held.count == 1  # the test-bench hears media too


@pytest.mark.django_db
def test_what_holds_without_the_media_is_not_alerted_again():
    rule()
    (item,) = bring(source(), said("和平路路面塌陷"))
    assert Alert.objects.count() == 1
    put(item, SRT.replace("燃气泄漏", "塌陷").encode(), "a.srt")
    assert Alert.objects.count() == 1
    assert Alert.objects.get().items == 1


@pytest.mark.django_db
def test_attaching_is_for_those_who_may_and_defers_the_reading(client):
    from django.core.files.uploadedfile import SimpleUploadedFile

    (item,) = bring(source(), said("看图"))
    clerk, looker = holder("opinion.clerk"), holder("opinion.reader")
    url = f"/opinion/items/{item.pk}/attach/"
    upload = {"file": SimpleUploadedFile("a.srt", SRT.encode()), "kind": "medium"}
    assert sign_in(client, looker).post(url, upload).status_code == 403
    assert Medium.objects.count() == 0
    upload["file"].seek(0)
    assert sign_in(client, clerk).post(url, upload).status_code == 302
    medium = Medium.objects.get()
    assert medium.state == "waiting"
    from procrastinate.contrib.django.models import ProcrastinateJob

    job = ProcrastinateJob.objects.get(task_name="opinion.read_media")
    assert (job.queue_name, job.args) == ("long", {"attachment": medium.attachment_id})
    bad = {"file": SimpleUploadedFile("a.png", b"MZ\x00\x01"), "kind": "medium"}
    assert client.post(url, bad).status_code == 422
    assert client.post(f"/opinion/media/{medium.pk}/again/").status_code == 302
    assert sign_in(client, looker).post(f"/opinion/media/{medium.pk}/again/").status_code == 403


@pytest.mark.django_db
def test_the_chief_sets_dated_limits(client):
    chief = holder("opinion.chief")
    said_ = {
        "frames": 3,
        "seconds": 60,
        "speech_minutes": 5,
        "megabytes": 20,
        "in_force_from": "2026-11-01",
        "source": "本市规定（测试）",
    }
    assert sign_in(client, chief).post("/opinion/models/", said_).status_code == 302
    assert sign_in(client, chief).post("/opinion/models/", said_ | {"frames": 4}).status_code == 302
    assert (queries.media_limit(NOW.date()).frames, queries.media_limit(NOW.date()).megabytes) == (4, 20)
    assert client.post("/opinion/models/", said_ | {"frames": 5000}).status_code == 422
    assert sign_in(client, holder("opinion.reader")).post("/opinion/models/", said_).status_code == 403


# ── hostile files ────────────────────────────────────────────────────────────────────────────────────────────────────


def claimed_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "media_type", "why"),
    [
        (claimed_png(40_000, 40_000), "image/png", "too_many_pixels"),
        (claimed_png(4_000, 4_000), "image/png", "damaged"),
        (films.png(Image.effect_noise((400, 300), 80))[:5000], "image/png", "damaged"),
        (b"GIF89a\xff\xff\xff\xff" + b"\0" * 50, "image/gif", "damaged"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile:///etc/passwd\n", "video/mp4", "damaged"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "video/webm", "damaged"),
        (b"\x00\x00\x00\x20ftypisom" + b"\xff" * 5000, "video/mp4", "damaged"),
        (b"\x1aE\xdf\xa3" + b"\x00" * 4000, "video/webm", "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "kind_not_read"),
        (b"", "video/mp4", "damaged"),
    ],
)
def test_hostile_files_are_refused_with_a_reason(tmp_path, content, media_type, why):
    began = time.monotonic()
    found = opened(tmp_path, content, media_type, seconds=30)
    assert found.refused == why
    assert not found.shots
    assert time.monotonic() - began < 30


def test_a_truncated_film_gives_what_is_whole_or_a_reason(tmp_path):
    scenes = [films.drawn("一"), films.drawn("二", ground="blue")]
    whole = films.film(tmp_path, scenes)
    assert len(opened(tmp_path, whole, "video/mp4").shots) == 2
    cut = opened(tmp_path, whole[: len(whole) * 2 // 3], "video/mp4")
    assert cut.refused == "damaged"  # an MP4 without its index has no first picture
    garbled = bytearray(whole)
    garbled[2000:6000] = bytes(4000)
    hurt = opened(tmp_path, bytes(garbled), "video/mp4")
    assert hurt.refused in ("", "damaged")


def test_a_film_that_claims_huge_frames_is_refused(tmp_path):
    whole = films.film(tmp_path, [films.drawn("一")])
    at = whole.index(b"avc1")
    claimed = bytearray(whole)
    claimed[at + 28 : at + 32] = struct.pack(">HH", 60_000, 60_000)
    found = opened(tmp_path, bytes(claimed), "video/mp4")
    assert found.refused == "too_many_pixels" or all(len(shot.jpeg) < 1_000_000 for shot in found.shots)


def test_time_memory_and_talk_are_bounded(tmp_path, monkeypatch):
    program = tmp_path / "endless.py"
    program.write_text(
        'import sys\nwhile True: sys.stdout.write(\'{"subtitle":{"second":1,"until":2,"words":"x","track":0}}\\n\')\n'
    )
    monkeypatch.setattr(sandbox, "__file__", str(program))
    monkeypatch.setattr(looking, "MOST_TOLD", 200_000)
    found = opened(tmp_path, b"", "video/mp4", seconds=20)
    assert "told_too_much" in found.notes
    program.write_text("import time\ntime.sleep(60)\n")
    began = time.monotonic()
    assert opened(tmp_path, b"", "video/mp4", seconds=1).refused == "out_of_time"
    assert time.monotonic() - began < 5
    program.write_text("import os\nos.abort()\n")
    assert opened(tmp_path, b"", "video/mp4", seconds=20).refused == "died"
    program.write_text(
        "print('no json')\nprint('{\"shot\": {\"kind\": 3}}')\nprint('[]')\nprint('{\"refused\": \"<b>\"}')\n"
    )
    assert opened(tmp_path, b"", "video/mp4", seconds=20).refused == "internal"


def test_the_sandbox_has_little_memory(tmp_path):
    image = Image.new("RGB", (6000, 6000))
    found = opened(tmp_path, films.png(image), "image/png", memory=150 * 1024**2)
    assert found.refused in ("out_of_memory", "internal", "died", "damaged")
    assert opened(tmp_path, films.png(image), "image/png").refused == ""


@pytest.mark.django_db
def test_a_refused_file_says_so_on_the_page_and_hurts_nothing(client):
    chief = holder("opinion.chief")
    (item,) = bring(source(), said("坏视频"))
    medium = put(item, b"\x00\x00\x00\x20ftypisom" + b"\xff" * 5000, "bad.mp4", chief)
    assert (medium.state, medium.reason) == ("refused", "damaged")
    body = sign_in(client, chief).get(item.get_absolute_url()).content.decode()
    assert 'data-medium="refused"' in body


# ── subtitles ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_three_kinds_of_subtitles_are_read():
    assert subtitles.parse(SRT) == [subtitles.Cue(1.0, 2.5, "网传燃气泄漏"), subtitles.Cue(5.0, 7.0, "请求证")]
    ass = (
        "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
        "Dialogue: 0,0:01:00.50,0:01:02.00,Default,{\\b1}你好, 世界\\N第二行\nComment: 0,0:00:00.00,0:00:01.00,D,不是\n"
    )
    assert subtitles.parse(ass) == [subtitles.Cue(60.5, 62.0, "你好, 世界 第二行")]
    vtt = "WEBVTT\n\nNOTE 旁注\n\nfirst\n00:01.000 --> 01:00:03.000 align:start\n- <c.red>你好</c> &amp; 再见\n"
    assert subtitles.parse(vtt) == [subtitles.Cue(1.0, 3603.0, "- 你好 & 再见")]
    assert subtitles.parse("普通文字\n一行 --> 二行\n") == []


@given(
    st.text(max_size=400),
    st.sampled_from(["", "WEBVTT\n\n", "[Script Info]\n[Events]\n", "1\n00:00:01,0 --> 00:00:02,0\n"]),
)
def test_any_text_is_read_without_harm(words, head):
    for cue in subtitles.passages(subtitles.parse(head + words)):
        assert cue.words
        assert cue.second >= 0


def test_passages_join_neighbours_and_drop_what_is_shown_on():
    cues = [subtitles.Cue(n, n + 1, "好" * 30) if n % 2 else subtitles.Cue(n, n + 1, "天" * 30) for n in range(10)]
    found = subtitles.passages([*cues, cues[-1]])
    assert max(len(cue.words) for cue in found) <= subtitles.PASSAGE_LETTERS
    assert "".join(cue.words for cue in found).replace(" ", "") == "".join(cue.words for cue in cues)


def test_a_word_that_a_screenshot_broke_is_whole_again():
    rows = [
        ("昨晚和平路地铁口附近的路面发生塌", 10, 600, 10, 40),
        ("陷事故，求证", 12, 240, 45, 75),
        ("评论 12", 400, 500, 200, 230),
    ]
    assert sandbox.paragraphs(rows) == ["昨晚和平路地铁口附近的路面发生塌陷事故，求证", "评论 12"]


# ── speech ───────────────────────────────────────────────────────────────────────────────────────────────────────────

LISTENER = """
import json, sys, wave
with wave.open(sys.argv[1]) as file:
    assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
    seconds = file.getnframes() / 16000
print("loading model", sys.argv[2:])
print(json.dumps({"segments": [{"start": 0.5, "end": seconds, "text": "前方路面塌陷"}]}))
"""


@pytest.mark.slow
@pytest.mark.django_db
def test_speech_is_heard_by_the_operators_program(tmp_path, settings):
    """A little program stands for the recogniser: what is proved is the way of the sound and of the words."""
    program = tmp_path / "listen.py"
    program.write_text(LISTENER)
    (tmp_path / "model").mkdir()
    settings.SPEECH_MODEL = str(tmp_path / "model")
    settings.SPEECH_COMMAND = f"{sys.executable} {program} {{wav}} --model={{model}}"
    assert speech.missing() == ""
    rule()
    (item,) = bring(source(), said("一段录音"))
    MediaLimit.objects.create(in_force_from="2026-01-01", frames=1, source="测试")
    medium = put(item, films.film(tmp_path, [films.drawn("一")], sound=True), "a.mp4")
    assert medium.speech == "heard"
    excerpt = medium.excerpts.get(kind="speech")
    assert (excerpt.words, excerpt.second, round(excerpt.until)) == ("前方路面塌陷", 0.5, 4)
    assert Alert.objects.get().excerpt == excerpt
    program.write_text("import sys; sys.exit(3)")
    found = actions.read_medium(medium.attachment_id, NOW)
    assert found is not None
    assert (found.speech, found.excerpts.filter(kind="speech").count()) == ("failed", 0)


@pytest.mark.django_db
def test_without_a_recogniser_the_page_says_so(tmp_path, settings, client):
    settings.SPEECH_COMMAND = settings.SPEECH_URL = settings.SPEECH_MODEL = ""
    assert speech.missing() == "none"
    (item,) = bring(source(), said("一段录音"))
    medium = put(item, films.film(tmp_path, [films.drawn("一")], sound=True), "a.mp4")
    assert medium.speech == "absent"
    body = sign_in(client, holder("opinion.chief")).get(item.get_absolute_url()).content.decode()
    assert str(medium.get_speech_display()) in body
    settings.SPEECH_MODEL = str(tmp_path / "nowhere")
    assert speech.missing() == "model"
    settings.SPEECH_MODEL, settings.SPEECH_COMMAND = "", "no-such-program {wav}"
    assert speech.missing() == "program"
    settings.SPEECH_COMMAND, settings.SPEECH_URL = "", "https://example.com/"
    assert speech.missing() == "address"


def test_a_recogniser_behind_an_address_and_its_limits(tmp_path, settings, monkeypatch):
    answers = {"/good": b'{"text": "\xe5\xa1\x8c\xe9\x99\xb7"}', "/long": b"x" * 5000, "/none": b""}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.rfile.read(int(self.headers["Content-Length"]))[:4] == b"RIFF"
            if self.path == "/bad":
                self.send_error(500)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[self.path])

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    wav = tmp_path / "a.wav"
    wav.write_bytes(b"RIFF" + bytes(100))
    settings.SPEECH_COMMAND, settings.SPEECH_MODEL = "", ""
    root = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        settings.SPEECH_URL = f"{root}/good"
        assert speech.hear(wav, 5) == [subtitles.Cue(0, 0, "塌陷")]
        settings.SPEECH_URL = f"{root}/none"
        assert speech.hear(wav, 5) == []
        monkeypatch.setattr(speech, "MOST_ANSWER", 1000)
        for path in ("/long", "/bad"):
            settings.SPEECH_URL = f"{root}{path}"
            with pytest.raises(speech.SpeechFailed):
                speech.hear(wav, 5)
    finally:
        server.shutdown()
        server.server_close()
    settings.SPEECH_COMMAND, settings.SPEECH_URL = f"{sys.executable} -c 'import time; time.sleep(30)' {{wav}}", ""
    began = time.monotonic()
    with pytest.raises(speech.SpeechFailed):
        speech.hear(wav, 0.5)
    assert time.monotonic() - began < 5


@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.booleans(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["text", "segments", "start", "end"]), x),
    )
)
def test_any_answer_of_a_recogniser_is_read_without_harm(answer):
    import json

    for cue in speech.segments(json.dumps(answer)):
        assert 0 <= cue.second <= cue.until <= 1e6
        assert cue.words


def test_plain_lines_and_json_lines_are_read():
    assert [one.words for one in speech.segments("前方塌陷\n")] == ["前方塌陷"]
    lines = 'log: loaded\n{"text": "一", "start": 1}\n{"text": "二", "start": 4, "end": 5}\n'
    assert [(one.second, one.words) for one in speech.segments(lines)] == [(1.0, "一"), (4.0, "二")]
    assert speech.segments('{"text": ""}') == []


def test_long_screenshots_are_read_in_pieces():
    image = Image.new("RGB", (600, 6000), "white")
    pieces = list(sandbox.tiles(image))
    assert len(pieces) > 1
    assert all(piece.size[1] <= 2 * sandbox.SIDE for piece in pieces)
    assert sum(piece.size[1] for piece in pieces) >= 6000


def test_moving_pictures_are_read_like_films(tmp_path):
    frames = [Image.new("RGB", (200, 100), colour) for colour in ("white", "black", "white", "red")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=500)
    found = opened(tmp_path, out.getvalue(), "image/gif")
    assert [shot.second for shot in found.shots] == [0.0, 0.5, 1.5]
    reader.forget()
