"""Where the parts of `finality up` listen."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.stack import AlreadyUp, Ports, Stack
from local.temporal_server import free_port


def test_the_simulators_take_the_ports_from_the_given_one_on() -> None:
    assert Ports(simulator=9000).of_simulators(3) == [9000, 9001, 9002]


def test_every_port_that_is_not_given_is_another_free_one() -> None:
    ports = Ports.free().settled()
    found = [port for part, port in vars(ports).items() if part != "simulator"]
    found += ports.of_simulators(3)
    assert 0 not in found
    assert len(set(found)) == len(found)


def test_simulators_for_which_no_port_is_left_are_refused() -> None:
    assert Ports(simulator=65534).of_simulators(2) == [65534, 65535]
    with pytest.raises(AlreadyUp, match="--simulator-port: 3 simulators take the ports from 65534"):
        Ports(simulator=65534).of_simulators(3)


async def test_a_port_that_a_simulator_would_share_is_named_before_anything_starts(
    tmp_path: Path,
) -> None:
    first = free_port()
    # Port 0 is free whatever else runs on this machine.
    ports = Ports(0, 0, 0, simulator=first, inbound=first + 1, api=0)
    wanted = rf"port {first + 1} is for --inbound-port and for --simulator-port: .*{first}, "
    with pytest.raises(AlreadyUp, match=wanted):
        async with Stack(tmp_path, ports, {}, say=lambda _: None):
            pass
    assert not (tmp_path / "keyring").exists()
