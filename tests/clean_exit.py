"""Ends the test run at once after its summary.

The Temporal SDK may crash a process while its interpreter ends, after all work is done
(sdk-python issue 300), and the exit code of a test run must be that of the tests.
"""

from __future__ import annotations

import sys
import traceback

import pytest

from process import leave

_exit_code = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_exit_code] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # Absent when pytest only listed options, or could not start: nothing was loaded then.
    if _exit_code not in config.stash:
        return
    code = config.stash[_exit_code]
    if (error := sys.exception()) is not None:
        # Pytest reports it only after this: it would leave no trace, and perhaps pass for success.
        if isinstance(error, pytest.UsageError):
            sys.stderr.write(f"ERROR: {error}\n")
        else:
            traceback.print_exception(error)
        code = code or pytest.ExitCode.INTERNAL_ERROR
    leave(int(code))
