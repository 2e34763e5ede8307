"""The ways to fetch or build a Temporal server if none is installed."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from local import sdk_download
from local.commands import CommandFailed, run
from local.progress import Progress

#: Later versions of the CLI have `replace` lines in their go.mod, which `go install` refuses.
CLI_VERSION = "1.5.1"
CLI_MODULE = "github.com/temporalio/cli/cmd/temporal"

TEST_SERVER_VERSION = "1.38.0"
TEST_SERVER_MAIN = "io.temporal.testserver.TestServer"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

#: The time lost if the vendor's host cannot be reached.
PROBE_LIMIT = timedelta(seconds=10)
FETCH_LIMIT = timedelta(minutes=5)
BUILD_LIMIT = timedelta(minutes=30)

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finality</groupId>
  <artifactId>test-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>{TEST_SERVER_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

# `exec`, because the SDK stops the server by killing the process that it started.
# The flags make Java start faster, at the cost of speed later.
WRAPPER = f"""\
#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
exec "${{JAVA_HOME:+$JAVA_HOME/bin/}}java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \\
  -cp "$here/lib/*" {TEST_SERVER_MAIN} "$@"
"""


def dev_server_by_sdk(folder: Path, progress: Progress) -> None:
    """Download `temporal` through the SDK."""
    _by_sdk("dev-server", folder / "temporal", progress)


def test_server_by_sdk(folder: Path, progress: Progress) -> None:
    """Download `temporal-test-server` through the SDK."""
    _by_sdk("test-server", folder / "temporal-test-server", progress)


def dev_server_by_go(folder: Path, progress: Progress) -> None:
    """Build `temporal` from source, without cgo; takes minutes the first time."""
    go = _tool("go")
    run(
        [go, "install", f"{CLI_MODULE}@v{CLI_VERSION}"],
        what=f"building the Temporal dev server {CLI_VERSION} (once, 3 to 6 minutes)",
        progress=progress,
        limit=BUILD_LIMIT,
        env={"GOBIN": str(folder), "CGO_ENABLED": "0"},
    )


def test_server_by_maven(folder: Path, progress: Progress) -> None:
    """Fetch the test server's jars and write a script that starts them."""
    _tool("java")
    maven = _tool("mvn")
    with tempfile.TemporaryDirectory() as project:
        (Path(project) / "pom.xml").write_text(POM)
        run(
            [
                maven,
                "--batch-mode",
                DEPENDENCY_PLUGIN,
                "-DincludeScope=runtime",
                f"-DoutputDirectory={folder / 'lib'}",
            ],
            what=f"fetching the Temporal test server {TEST_SERVER_VERSION} (once)",
            progress=progress,
            limit=FETCH_LIMIT,
            cwd=Path(project),
        )
    if not (folder / "lib" / f"temporal-test-server-{TEST_SERVER_VERSION}.jar").is_file():
        raise CommandFailed("mvn ended well but left no test server jar")
    wrapper = folder / "temporal-test-server"
    wrapper.write_text(WRAPPER)
    wrapper.chmod(0o755)


def _by_sdk(server: str, executable: Path, progress: Progress) -> None:
    # -P keeps this folder off the child's module path, where our modules could shadow others.
    python = [sys.executable, "-P", sdk_download.__file__]
    run(
        [*python, "probe", sdk_download.HOST],
        what=f"asking {sdk_download.HOST} for the server",
        progress=progress,
        limit=PROBE_LIMIT,
    )
    with tempfile.TemporaryDirectory(dir=executable.parent) as downloads:
        run(
            [*python, server, downloads],
            what=f"downloading the server from {sdk_download.HOST} (once)",
            progress=progress,
            limit=FETCH_LIMIT,
        )
        left = [path for path in Path(downloads).iterdir() if path.is_file()]
        if len(left) != 1:
            raise CommandFailed(f"the SDK left {len(left)} files where one was expected")
        left[0].rename(executable)
    executable.chmod(0o755)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CommandFailed(f"no {name} on PATH")
    return found
