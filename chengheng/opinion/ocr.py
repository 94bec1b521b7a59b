"""Whether words in pictures can be read here: RapidOCR, offline (its models come inside its wheel).

The reading itself happens in `media/sandbox.py`. Where the wheel is missing pictures stay unread; nothing is guessed.
"""

from __future__ import annotations

from importlib.util import find_spec


def available() -> bool:
    """Whether pictures can be read on this machine."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None
