"""Every text of the interface is said in Chinese: no catalogue has a gap, and no two rooms say one text differently."""

from __future__ import annotations

from collections import defaultdict

from babel.messages.pofile import read_po

from tools import messages


def test_there_are_catalogues() -> None:
    assert len(messages.catalogues()) >= 2


def test_no_text_is_missing_or_fuzzy() -> None:
    assert messages.faults() == []


def test_the_same_text_is_said_in_the_same_words_everywhere() -> None:
    """Django merges all rooms' catalogues: of two translations of one text only one would show, in both rooms."""
    said: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in messages.catalogues():
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id:
                    key = message.id[0] if isinstance(message.id, tuple) else message.id
                    text = message.string[0] if isinstance(message.string, tuple) else message.string
                    said[message.context or "", str(key)][str(text)].append(path.parts[-5])
    clashes = {key: dict(texts) for key, texts in said.items() if len(texts) > 1}
    assert clashes == {}
