"""Interface texts: `compile` makes .mo of changed .po (no gettext needed), `check` names what is not translated or in none.

    python -m tools.messages compile | check | collect ROOM…

`collect` runs Django's makemessages for a room (this one needs gettext's programs).
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
_CONTEXT = ((1, "c"), 2)
_CALLS = dict.fromkeys(("_", "_now", "gettext", "gettext_lazy", "gettext_noop"), None) | {
    "pgettext": _CONTEXT, "pgettext_lazy": _CONTEXT, "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "npgettext": (*_CONTEXT, 3),
}  # fmt: skip


def catalogues() -> list[Path]:
    """Every .po file of the product."""
    return sorted((ROOT / "chengheng").glob("**/locale/*/LC_MESSAGES/*.po"))


def compile_changed() -> int:
    """Write each .mo that is missing or older than its .po; returns how many."""
    made = 0
    for source in catalogues():
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file)
        fresh = target.with_suffix(".mo.new")
        with fresh.open("wb") as out:
            write_mo(out, catalogue)
        fresh.replace(target)
        made += 1
    return made


def faults() -> list[str]:
    """One line for each text without a finished translation, and for each whose named parameters differ."""
    found = []
    for source in catalogues():
        with source.open("rb") as file:
            catalogue = read_po(file)
        for message in catalogue:
            if not message.id:
                continue
            where = f"{source.relative_to(ROOT)}:{message.lineno}: {message.id!r}"
            texts = message.string if isinstance(message.string, list | tuple) else [message.string]
            if message.fuzzy:
                found.append(f"{where} is marked fuzzy")
            elif not all(texts):
                found.append(f"{where} is not translated")
            else:
                found.extend(f"{where}: {error}" for error in message.check(catalogue))
    return found


def uncollected() -> list[str]:
    """One line for each text of code or template that no catalogue holds."""
    known = set()
    for source in catalogues():
        with source.open("rb") as file:
            for entry in read_po(file):
                known.add((entry.context, entry.id[0] if isinstance(entry.id, list | tuple) else entry.id))
    found = []
    for source in sorted((ROOT / "chengheng").rglob("*")):
        if source.suffix not in {".py", ".html", ".txt"} or "migrations" in source.parts:
            continue
        if source.suffix != ".py" and "templates" not in source.parts:
            continue
        text = source.read_text(encoding="utf-8")
        if source.suffix != ".py":
            text = f"({templatize(text)})"  # within brackets indentation says nothing
        for line, said, _comments, context in extract("python", io.BytesIO(text.encode()), _CALLS):
            one = said[0] if isinstance(said, tuple) else said
            if one and (context, one) not in known:
                found.append(f"{source.relative_to(ROOT)}:{line}: {one!r} is in no catalogue: collect the room's texts")
    return found


def collect(rooms: list[str]) -> None:
    """makemessages in each room's folder, so that its texts stay its own; rooms within it that have texts keep theirs."""
    for room in rooms:
        folder = ROOT / "chengheng" / room
        (folder / "locale").mkdir(exist_ok=True)
        subprocess.run(
            [
                sys.executable,
                "-P",
                "-m",
                "django",
                "makemessages",
                "-l",
                "zh_Hans",
                "--no-location",
                "--no-obsolete",
                *(f"--ignore={inner.parent.relative_to(folder)}/*" for inner in folder.glob("*/**/locale")),
            ],
            cwd=folder,
            check=True,
        )


def main(arguments: list[str]) -> int:
    match arguments:
        case ["compile"]:
            made = compile_changed()
            if made:
                print(f"Texts compiled: {made}")
            return 0
        case ["check"]:
            found = faults() + uncollected()
            print("\n".join(found) or f"All texts of {len(catalogues())} catalogues are translated.")
            return bool(found)
        case ["collect", *rooms] if rooms:
            collect(rooms)
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
