"""A pretended machine: its own PATH with pretended tools, its own cache, no way out."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Never resolves (RFC 2606), whatever network the tests run on.
NOWHERE = "nowhere.invalid"

GOOD_CLI = "#!/bin/sh\necho temporal version {who}\n"

ASK = f"""
import sys
from local import sdk_download
sdk_download.HOST = {NOWHERE!r}
from local.servers import dev_server_binary
print(dev_server_binary())
"""


@dataclass(frozen=True)
class Machine:
    """Folders of the pretended machine."""

    bin: Path
    cache: Path
    #: Each call of a pretended tool adds a line here.
    calls: Path
    #: A tool told to wait goes on once this file exists.
    go_on: Path

    def tool(self, name: str, script: str) -> Path:
        """Put a shell script on PATH that notes its call and then does as the script says."""
        return executable(
            self.bin / name,
            f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "{name} $*" >> {self.calls}\n{script}\n',
        )

    def go(self, *, half_built_until_told: bool = False) -> None:
        """A `go` that leaves a `temporal` in GOBIN as `go install` does."""
        wait = (
            f'echo "#!/bin/sh" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"\n'
            f"while [ ! -e {self.go_on} ]; do sleep 0.02; done\n"
        )
        self.tool(
            "go",
            (wait if half_built_until_told else "")
            + 'printf "#!/bin/sh\\necho temporal version built by go\\n" > "$GOBIN/temporal"\n'
            'chmod +x "$GOBIN/temporal"',
        )

    def called(self) -> list[str]:
        """Names of the tools that ran, in order."""
        if not self.calls.exists():
            return []
        return [line.split()[0] for line in self.calls.read_text().splitlines()]

    def ask_in_another_process(self, log: Path) -> subprocess.Popen[str]:
        """`dev_server_binary()` in a process of its own; its stderr goes to `log`."""
        with log.open("w") as stderr:
            return subprocess.Popen(
                [sys.executable, "-c", ASK],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
