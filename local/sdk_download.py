"""Lets the Temporal SDK fetch a server, in a process of its own that can be given up on.

`python sdk_download.py probe HOST` succeeds when that host answers;
`python sdk_download.py dev-server|test-server FOLDER` leaves the executable in FOLDER.
"""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.error
import urllib.request
from datetime import timedelta

HOST = "temporal.download"
STARTUP_LIMIT = timedelta(minutes=1)


def probe(host: str) -> None:
    """Return if the host gives any answer. Obeys proxy settings.

    Raises:
        OSError: the host cannot be reached.
    """
    request = urllib.request.Request(f"https://{host}/", method="HEAD")
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError:
        return  # any answer shows that it can be reached


async def download(server: str, folder: str) -> None:
    """Start the server once and stop it, since the SDK cannot download without starting."""
    from temporalio.testing import WorkflowEnvironment

    if server == "dev-server":
        environment = await WorkflowEnvironment.start_local(
            download_dest_dir=folder, dev_server_startup_timeout=STARTUP_LIMIT
        )
    else:
        environment = await WorkflowEnvironment.start_time_skipping(
            download_dest_dir=folder, test_server_startup_timeout=STARTUP_LIMIT
        )
    await environment.shutdown()


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["probe", host]:
                probe(host)
            case [("dev-server" | "test-server") as server, folder]:
                asyncio.run(download(server, folder))
            case _:
                print(__doc__)
                return 2
    except (OSError, RuntimeError) as error:
        print(f"{arguments[1]}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # Skips the interpreter's finalisation, in which the SDK may crash after its work is done.
    os._exit(code)
