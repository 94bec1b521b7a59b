"""Pictures and films for tests, drawn and encoded on the spot."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from chengheng.opinion import ocr, pictures


def able() -> None:
    """Skip where words can neither be drawn nor read."""
    if not ocr.available():
        pytest.skip("RapidOCR is not installed")
    if pictures.chinese_font() is None:
        pytest.skip("no Chinese font is installed")


def drawn(words: str, size: tuple[int, int] = (960, 540), ground: str = "white", letter: int = 44) -> Image.Image:
    """A picture with lines of words."""
    image = Image.new("RGB", size, ground)
    font = ImageFont.truetype(pictures.chinese_font() or "", letter)
    ImageDraw.Draw(image).multiline_text((40, 60), words, fill="black" if ground != "black" else "white", font=font)
    return image


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def film(
    folder: Path, scenes: list[Image.Image], seconds: int = 4, *, subtitles: str = "", cover: Image.Image | None = None,
    sound: bool = False,
) -> bytes:  # fmt: skip
    """An MP4 of scenes of a few seconds each, a key frame a second; with mov_text subtitles, a cover, a tone."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    for number, scene in enumerate(scenes):
        scene.save(folder / f"scene-{number}.png")
    inputs = ["-framerate", f"1/{seconds}", "-i", str(folder / "scene-%d.png")]
    maps, more = ["-map", "0:v"], []
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds * len(scenes)}"]
        maps += ["-map", f"{inputs.count('-i') - 1}:a"]
        more += ["-c:a", "aac"]
    if subtitles:
        (folder / "said.srt").write_text(subtitles, "utf-8")
        inputs += ["-i", str(folder / "said.srt")]
        maps += ["-map", f"{inputs.count('-i') - 1}:s"]
        more += ["-c:s", "mov_text"]
    if cover is not None:
        cover.save(folder / "cover.jpg")
        inputs += ["-i", str(folder / "cover.jpg")]
        maps += ["-map", f"{inputs.count('-i') - 1}:v"]
        more += ["-c:v:1", "mjpeg", "-disposition:v:1", "attached_pic"]
    out = folder / "film.mp4"
    command = ["ffmpeg", "-v", "error", "-y", *inputs, *maps, "-c:v:0", "libx264", "-preset", "ultrafast", "-r:v:0", "5",
               "-g:v:0", "5", "-pix_fmt:v:0", "yuv420p", *more, str(out)]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    return out.read_bytes()
