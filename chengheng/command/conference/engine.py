"""Janus as a supervised process: whether it is here, its files, its command line. Only the live process speaks to it.

Its secrets follow from the site's secret, so that live and supervisor agree without telling each other; they stand in
files that only Janus's user reads, never on a command line.
"""

from __future__ import annotations

import glob
import hashlib
import os
import pwd
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.crypto import salted_hmac

from chengheng.common import processes
from chengheng.common.processes import Process
from chengheng.protocols.janus import configuration

USER = "nobody"


def is_here() -> bool:
    """Whether Janus is installed and the site wants conferences."""
    return bool(settings.JANUS_PORT and shutil.which("janus") and _libraries())


def why_not() -> str:
    if not settings.JANUS_PORT:
        return "CHENGHENG_JANUS_PORT is 0"
    return "janus is not installed (apt-get install janus): no conferences"


def _libraries() -> str:
    """Debian's folder of Janus's parts; "" where there is none."""
    found = sorted(glob.glob("/usr/lib/*/janus")) + sorted(glob.glob("/usr/local/lib/janus"))
    return found[0] if found else ""


def secret(what: str) -> str:
    return salted_hmac("command.janus", what, algorithm="sha256").hexdigest()


def folder() -> Path:
    """Where Janus's files and recordings are: in the data folder, or where its user can get at them."""
    wanted = Path(settings.JANUS_FOLDER)
    if os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in wanted.parents if parent.exists()):
        return wanted
    return Path(tempfile.gettempdir()) / f"chengheng-janus-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}"


def media_host() -> str:
    """The address that browsers send to: as set, or the machine's first one that is not loopback; "" when it has none."""
    if settings.CONFERENCE_HOST:
        return str(settings.CONFERENCE_HOST)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; only asks the routes
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def prepare() -> Path:
    """Write the configuration anew; the path of the main file."""
    base, libraries = folder(), _libraries()
    etc = base / "etc"
    first, _dash, last = str(settings.CONFERENCE_PORTS).partition("-")
    texts = configuration.files(
        configuration.Engine(
            etc=str(etc), plugins=f"{libraries}/plugins", transports=f"{libraries}/transports",
            events=f"{libraries}/events", loggers=f"{libraries}/loggers", api_port=settings.JANUS_PORT,
            secret=secret("api"), admin_key=secret("admin"), media_host=media_host(),
            media_ports=(int(first), int(last or first)), loops=os.cpu_count() or 1,
            public_host=settings.CONFERENCE_PUBLIC,
        )
    )  # fmt: skip
    recordings().mkdir(parents=True, exist_ok=True)
    etc.mkdir(exist_ok=True)
    owner = pwd.getpwnam(USER) if os.geteuid() == 0 else None
    for name, text in texts.items():
        path = etc / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    if owner is not None:
        for path in (base, etc, recordings(), *etc.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    for path in (base, etc, recordings()):
        path.chmod(0o700)
    return etc / "janus.jcfg"


def recordings() -> Path:
    return folder() / "recordings"


def command() -> list[str]:
    """The command line; writes the files first, because settings may have changed since the last start."""
    main = prepare()
    return [shutil.which("janus") or "janus", "-F", str(main.parent), "-C", str(main)]


def register() -> None:
    """Add the process to the site."""
    processes.add(
        Process(
            "janus", command, wanted=is_here, why_not=why_not(), user=USER if os.geteuid() == 0 else None,
            patience=5, healthy=2,
        )
    )  # fmt: skip
