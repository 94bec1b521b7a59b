"""Reference pages that are read from the code: settings, commands, system packages. `make docs` runs it.

python -m tools.reference           write docs/reference/
python -m tools.reference check     status 1 when a page is not as the code says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from chengheng.project.cli import cli
from chengheng.project.cli.site import settings_table
from chengheng.project.packages import PACKAGES

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTE = "<!-- Written by tools/reference.py from the code; do not edit. -->\n\n"


def settings_page() -> str:
    return f"# Settings\n\n{NOTE}All configuration is by environment variables.\n\n{settings_table()}\n"


def _walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _walk(command.commands[name], (*words, name))
    else:
        yield words, command


def commands_page() -> str:
    parts = [f"# Commands\n\n{NOTE}Exit statuses: 0 done, 1 failed, 2 bad input.\n"]
    for words, command in _walk(cli, ("chengheng",)):
        context = click.Context(command, info_name=" ".join(words), max_content_width=100)
        parts.append(f"\n## {' '.join(words)}\n\n```text\n{command.get_help(context)}\n```\n")
    return "".join(parts)


def packages_page() -> str:
    rows = "\n".join(f"| `{package.name}` | {package.purpose} | {package.serves} |" for package in PACKAGES)
    return (
        f"# System packages\n\n{NOTE}`make setup` installs what is missing when it runs as root, and otherwise names it. "
        "Without a package only what it serves is off.\n\n"
        f"| Debian package | For | Serves |\n| --- | --- | --- |\n{rows}\n"
    )


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "packages.md": packages_page}


def main(arguments: list[str]) -> int:
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if arguments != ["check"]:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and arguments == ["check"]:
        print(f"docs/reference is not as the code says: {', '.join(stale)}. Run `python -m tools.reference`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
