"""A socket between our driver and PostgreSQL that cuts a connection in the middle of a commit."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from enum import StrEnum
from pathlib import Path

from tests.postgresql import PostgreSQL

_NAME = ".s.PGSQL.5432"


class Cut(StrEnum):
    """Where the connection breaks."""

    BEFORE = "before the server hears of the commit"
    AFTER = "after it has committed, before we hear of it"


#: The statement as our driver sends it, and the word of the answer when it is done.
_WORD = b"COMMIT\0"


class Cutting:
    """Passes everything on, until it is told to cut."""

    def __init__(self, folder: Path, server: PostgreSQL) -> None:
        self.url = server.url("{}").replace(str(server.sockets), str(folder))
        self.cut: Cut | None = None
        """Applied to the next commit, once."""
        self._server = server.sockets / _NAME
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _NAME))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return  # It was closed.
            threading.Thread(target=self._pass_on, args=(ours,), daemon=True).start()

    def _pass_on(self, ours: socket.socket) -> None:
        # Either side may go at any moment, also while something is handed to it. Then both go.
        with (
            ours,
            socket.socket(socket.AF_UNIX) as theirs,
            selectors.DefaultSelector() as both,
            contextlib.suppress(OSError),
        ):
            theirs.connect(str(self._server))
            both.register(ours, selectors.EVENT_READ, theirs)
            both.register(theirs, selectors.EVENT_READ, ours)
            # The end of what came before: under load a word may arrive in two pieces.
            before = {ours: b"", theirs: b""}
            while True:
                for key, _ in both.select():
                    assert isinstance(key.fileobj, socket.socket)
                    said = key.fileobj.recv(1 << 16)
                    speaks = Cut.BEFORE if key.fileobj is ours else Cut.AFTER
                    if self.cut is speaks and _ends_in(before[key.fileobj], said):
                        self.cut = None
                        return
                    if not said:
                        return
                    before[key.fileobj] = (before[key.fileobj] + said)[-len(_WORD) :]
                    key.data.sendall(said)


def _ends_in(before: bytes, said: bytes) -> bool:
    """Whether the word to cut at is complete with what is said now."""
    return _WORD in before[max(0, len(before) - len(_WORD) + 1) :] + said
