"""A file of 50 MB is read, judged line by line and fingerprinted in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.messages.files import DEBTOR, Block, nested, pain001, transfer

SIZE_BYTES = 50 * 1024 * 1024
MEMORY_MAX_MB = 300

#: The kernel's peak of this program alone: `ru_maxrss` begins with that of whoever started it,
#: which late in a run of all tests is larger than the reader's.
READ = f"""
import re, sys
from datetime import UTC, datetime
from pathlib import Path
from messages.pain001 import read
from starter.files.plan import DebtorAccount, file_fingerprint, plan
file = read(Path(sys.argv[1]))
debtor = DebtorAccount(
    iban="{DEBTOR}", tenant="default", partner="currencycloud", partner_account="main",
    currency="EUR", simulated=True,
)
planned = plan(file, {{"{DEBTOR}": debtor}}, now=datetime(2026, 11, 23, 9, tzinfo=UTC))
assert len(planned.orders) == len(file.lines)
assert planned.orders[0].order and planned.orders[0].key and planned.orders[0].received
assert len(file_fingerprint(file)) == 64
(peak_kb,) = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(len(file.lines), file.control_sum, int(peak_kb) // 1024)
"""


def filled(number: int, length: int) -> str:
    """A text of a length, which no other line has."""
    return f"{number} ".ljust(length, "x")


def line(number: int) -> str:
    """A transfer as full and as widely indented as a careful sender makes it."""
    address = "\n          ".join(
        nested(name, filled(number, length))
        for name, length in (("StrtNm", 70), ("PstCd", 16), ("TwnNm", 35), ("CtrySubDvsn", 35))
    )
    lines = nested("AdrLine", filled(number, 70)) * 2
    return transfer(
        "1.01",
        ids=nested(
            "PmtId",
            nested("InstrId", filled(number, 35)) + nested("EndToEndId", filled(number, 35)),
        ),
        creditor=f"\n        <Cdtr>{nested('Nm', filled(number, 70))}\n          <PstlAdr>{address}"
        f"<Ctry>DE</Ctry>{lines}</PstlAdr>\n        </Cdtr>\n        ",
        after=f"\n        {nested('RmtInf/Ustrd', filled(number, 140))}\n      ",
    )


@pytest.mark.timeout(300)
def test_fifty_megabytes_are_read_and_planned_in_less_than_three_hundred(tmp_path: Path) -> None:
    count = SIZE_BYTES // len(line(50_000)) + 1
    head, _, tail = pain001(
        Block(["HERE"]),
        count=str(count),
        control_sum=f"<CtrlSum>{Decimal('1.01') * count}</CtrlSum>",
    ).partition(b"HERE")
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        file.write(head)
        file.writelines(line(number).encode() for number in range(count))
        file.write(tail)
    assert path.stat().st_size > SIZE_BYTES * 0.95

    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines, control_sum, memory_mb = done.stdout.split()
    assert int(lines) == count
    assert Decimal(control_sum) == Decimal("1.01") * count
    assert int(memory_mb) < MEMORY_MAX_MB
