"""The system packages that the product can use: what each is for, whether it is here, and putting it there.

Run as a script before anything is installed (`make setup`), so nothing but the standard library may be imported.
As root the missing ones are installed with apt; otherwise they are named, with what stays off without them.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass


def _(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Package:
    """A Debian package: `proof` is a command on the path or a file pattern that shows it is there."""

    name: str
    proof: str
    serves: str
    purpose: str = "run"

    @property
    def present(self) -> bool:
        if "/" in self.proof:
            return bool(glob.glob(self.proof))
        return shutil.which(self.proof) is not None


PACKAGES: tuple[Package, ...] = (
    Package("janus", "janus", _("video meetings in the browser")),
    Package("janus-tools", "janus-pp-rec", _("playing back recorded meetings")),
    Package(
        "fonts-noto-cjk", "/usr/share/fonts/opentype/noto/NotoSansCJK-*", _("Chinese letters in pictures and print")
    ),
    Package("chromium", "chromium", _("browser tests and screenshots"), "test"),
    Package("postgresql-15", "/usr/lib/postgresql/15/bin/postgres", _("the tests on a second PostgreSQL"), "test"),
    Package("ffmpeg", "ffmpeg", _("tests of video"), "test"),
    Package("sip-tester", "sipp", _("tests of GB/T 28181 signalling"), "test"),
    Package("baresip-core", "baresip", _("tests of calls"), "test"),
    Package("baresip-ffmpeg", "/usr/lib/baresip/modules/avcodec.so", _("tests of calls"), "test"),
    Package("coturn", "turnserver", _("tests of calls"), "test"),
    Package("fping", "fping", _("the benchmark of probes"), "test"),
    Package("snmpd", "/usr/sbin/snmpd", _("tests of SNMP probes"), "test"),
    Package("prometheus-blackbox-exporter", "prometheus-blackbox-exporter", _("the benchmark of probes"), "test"),
    Package("gdal-bin", "ogr2ogr", _("tests of geodata files"), "test"),
    Package("poppler-utils", "pdftotext", _("tests of printed forms"), "test"),
    Package("wrk", "wrk", _("benchmarks of requests"), "test"),
)


def missing(*purposes: str) -> list[Package]:
    """The packages of these purposes ("run", "test") that are not here."""
    return [package for package in PACKAGES if package.purpose in purposes and not package.present]


def _venv_missing() -> bool:
    """Debian ships Python without what makes virtual environments."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return True
    return False


def _install(names: list[str]) -> bool:
    """Install with apt; services that the packages bring are not started here (RUNLEVEL 1)."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    update = ["apt-get", "update", "-qq"]
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names]
    for command in (update, install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n", file=sys.stderr)
            return False
    return True


def main(purposes: list[str]) -> int:
    """Install or name what is missing; 1 only when nothing can go on without it."""
    wanted = missing(*purposes)
    names = [package.name for package in wanted]
    if _venv_missing():
        names.append("python3-venv")
    if names and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing:", " ".join(names), flush=True)
        if not _install(names):
            # One package that this release does not have must not keep the others out.
            for name in names:
                _install([name])
    for package in missing(*purposes):
        print(f"Not here: {package.name}. Off without it: {package.serves}. As root: apt-get install {package.name}")
    if _venv_missing():
        print("Python's venv is missing. As root: apt-get install python3-venv", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["run"]))
