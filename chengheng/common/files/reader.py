"""Draws a page of a PDF, or counts its pages: run as a program of its own, because what it reads is hostile until proved
otherwise. Nothing of the product is imported here; memory, time and size are bounded; a crash is an answer like another.

    python -I reader.py count FILE          → the number of pages
    python -I reader.py page FILE NUMBER    → the page as WebP on the standard output
"""

from __future__ import annotations

import io
import resource
import sys

import pypdfium2
from PIL import Image

SIDE = 1800
"""Pixels of the longer side: a page of text is readable on a large screen."""
MEMORY, SECONDS = 1536 * 1024 * 1024, 20


def main(what: str, path: str, number: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    document = pypdfium2.PdfDocument(path)
    if what == "count":
        print(len(document))
        return 0
    page = document[number - 1]
    width, height = page.get_size()
    picture: Image.Image = page.render(scale=SIDE / max(width, height, 1)).to_pil()
    packed = io.BytesIO()
    picture.convert("RGB").save(packed, "WEBP", quality=82, method=2)
    sys.stdout.buffer.write(packed.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["0"])[0])))
