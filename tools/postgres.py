"""A PostgreSQL of Debian's for the time of one command, which finds it in DATABASE_URL.

    python -m tools.postgres 15 -- pytest …

The cluster lives in a temporary folder and is gone afterwards. As root the server runs as the user `postgres`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(version: int, durable: bool = False) -> Iterator[str]:
    """Run a fresh server; yields its URL. `durable` leaves fsync on."""
    binaries = Path(f"/usr/lib/postgresql/{version}/bin")
    if not (binaries / "postgres").exists():
        raise FileNotFoundError(f"PostgreSQL {version} is not installed (apt-get install postgresql-{version})")
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="ch-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        secret = secrets.token_hex(16)
        (folder / "password").write_text(secret)
        if user:
            owner = pwd.getpwnam(user)
            for path in (folder, folder / "password"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                binaries / "initdb", f"--pgdata={folder}/data", "--username=chengheng", f"--pwfile={folder}/password",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
            ],
            user=user, check=True, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        port = free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": str(folder), "jit": "off"}
        if not durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        child = subprocess.Popen(
            [binaries / "postgres", "-D", folder / "data", *flags],
            user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            address = f"postgresql://chengheng:{secret}@127.0.0.1:{port}"
            _wait(f"{address}/postgres", child)
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute("create database chengheng")
            yield f"{address}/chengheng"
        finally:
            child.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                child.wait(20)
            child.kill()
            child.wait()


def _wait(url: str, child: subprocess.Popen[bytes], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if child.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main(arguments: list[str]) -> int:
    if len(arguments) < 3 or arguments[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with server(int(arguments[0])) as url:
            return subprocess.run(arguments[2:], env={**os.environ, "DATABASE_URL": url}, check=False).returncode
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
