"""baresip, somebody else's SIP telephone, as a venue's terminal: a test picture (H.264), a tone, what it hears in a file."""

from __future__ import annotations

import glob
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

MODULES = "/usr/lib/baresip/modules"


def is_here() -> bool:
    return bool(shutil.which("baresip") and glob.glob(f"{MODULES}/avcodec.so") and shutil.which("ffmpeg"))


class Softphone:
    """`say(command)` types into its menu; `log` is what it printed. One with `echo` says what it hears, and only such a one
    plays it (and so writes it into `heard`)."""

    def __init__(
        self, folder: Path, number: str, password: str, port: int, sound: str = "opus/48000/2", echo: bool = False,
        encryption: str = "",
    ) -> None:  # fmt: skip
        self.folder, self.number = folder, number
        folder.mkdir(parents=True, exist_ok=True)
        self.heard = folder / "heard"
        self.heard.mkdir(exist_ok=True)
        make = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i"]
        picture, tone = folder / "picture.mp4", folder / "tone.wav"
        subprocess.run(
            [*make, "testsrc=size=640x360:rate=15:duration=20", "-pix_fmt", "yuv420p", "-c:v", "mpeg4", str(picture)], check=True
        )  # fmt: skip
        subprocess.run([*make, "sine=frequency=1000:sample_rate=48000:duration=240", str(tone)], check=True)
        modules = ("stdio", "opus", "g711", "aufile", "aubridge", "sndfile", "avcodec", "avformat", "fakevideo", "uuid",
                   *(["srtp"] if encryption else []))  # fmt: skip
        lines = [
            "poll_method epoll", "sip_listen 127.0.0.1:0", "call_local_timeout 60", "call_max_calls 4",
            "audio_source aubridge,a" if echo else f"audio_source aufile,{tone}", "audio_player aubridge,a", f"snd_path {self.heard}",
            "opus_bitrate 32000", "ausrc_srate 48000", "auplay_srate 48000", "ausrc_channels 1", "auplay_channels 1",
            f"video_source avformat,{picture}", "video_display fakevideo,nil", "video_size 640x360",
            "video_bitrate 400000", "video_fps 15.00", "avcodec_h264enc libx264", "avcodec_h264dec h264", "rtp_stats yes",
            f"module_path {MODULES}", *(f"module {name}.so" for name in modules),
            "module_app account.so", "module_app contact.so", "module_app menu.so",
        ]  # fmt: skip
        (folder / "config").write_text("\n".join(lines) + "\n")
        (folder / "accounts").write_text(
            f"<sip:{number}@127.0.0.1:{port}>;auth_pass={password};answermode=auto;regint=60;audio_codecs={sound}"
            + (f";mediaenc={encryption}\n" if encryption else "\n")
        )
        (folder / "contacts").write_text("\n")
        self.log_path = folder / "log"
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Softphone:
        with self.log_path.open("wb") as log:
            self._child = subprocess.Popen(
                ["baresip", "-4", "-v", "-f", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        return self

    def __exit__(self, *_error: Any) -> None:
        assert self._child is not None
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(5)

    def say(self, text: str) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(text.encode())
        self._child.stdin.flush()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def until(self, words: str, seconds: float = 15) -> float:
        began = time.monotonic()
        while words not in self.log:
            assert time.monotonic() - began < seconds, f"baresip never said {words!r}:\n{self.log[-3000:]}"
            time.sleep(0.05)
        return time.monotonic() - began
