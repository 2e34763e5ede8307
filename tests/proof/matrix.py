"""Which faults at which moments are declared, by what they are hit, and where else they are tried.

Faults and moments have the numbers of the field's matrix: F processes and stores, P partners,
W deliveries, C clients, X races, V versions and operators; moments M1 (before an order is stored)
to M15. A cell that neither layer of the proof draws names the tests that try it instead: they run
under `make test`, and are not counted with what is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.proof.simulation.plan import Kind

#: A fault of a simulated world and where it fired, as `Result.fired` has them.
Fired = tuple[str, str]


@dataclass(frozen=True)
class Cell:
    """One fault at one moment.

    Attributes:
        simulated: what of the simulation hits it; one of them is enough.
        real: names of points, as a pattern, at which a real worker is killed.
        elsewhere: tests that try it, or why it cannot be met in this release.
    """

    fault: str
    moment: str
    simulated: tuple[Fired, ...] = ()
    real: str = ""
    elsewhere: str = ""

    @property
    def name(self) -> str:
        return f"{self.fault} {self.moment}"

    def is_hit(self, fired: Mapping[Fired, int], struck: Iterable[str]) -> bool:
        """By either layer."""
        return any(fired.get(one) for one in self.simulated) or bool(
            self.real and any(re.search(self.real, point) for point in struck)
        )


def _at(kind: Kind, *points: str, who: str = "worker") -> tuple[Fired, ...]:
    return tuple((kind.value, f"{who} {point}") for point in points)


def _of(*kinds: Kind, where: str = "world") -> tuple[Fired, ...]:
    return tuple((kind.value, where) for kind in kinds)


_ORDER: Final = "order"
_NO_CONSENT: Final = "no consents and no redirects in this release"
#: Points of one call, by moment.
_CALLS: Final = {
    "M6": ("exchange begun",),
    "M8": ("exchange effected",),
    "M9": ("exchange answered", "write begun"),
    "M10": ("activity done", "write committed"),
}

#: What a collection asks of the processor, by its kind of instruction.
_CLAIMS: Final = {
    "a collection": r"payment_intents/\*/confirm",
    "an increment": r"payment_intents/\*/increment_authorization",
    "a capture": r"payment_intents/\*/capture",
    "a refund": r"refunds",
    "a hold's cancel": r"payment_intents/\*/cancel",
}
_REQUEST: Final = {"M6": "unsent", "M7": "bytes left", "M8": "answered"}


CELLS: Final[tuple[Cell, ...]] = (
    # Processes and stores
    Cell("F1", "M3", _at(Kind.KILL, "workflow task"), r"workflow initialize_workflow"),
    Cell("F1", "M4", elsewhere=_NO_CONSENT),
    Cell("F1", "M5", elsewhere=_NO_CONSENT),
    Cell("F1", "M6", _at(Kind.KILL, "exchange begun"), r"partner .* unsent"),
    Cell("F1", "M7", real=r"partner .* bytes left"),
    Cell("F1", "M8", _at(Kind.KILL, "exchange effected"), r"partner POST .* answered"),
    Cell("F1", "M9", _at(Kind.KILL, "exchange answered", "write begun"), r"store .*record"),
    Cell("F1", "M10", _at(Kind.KILL, "activity done"), r"activity .* done"),
    Cell("F1", "M11", _at(Kind.KILL, "workflow task"), r"workflow .*fire_timer"),
    Cell("F1", "M12", real=r"workflow .*signal_workflow"),
    Cell("F1", "M13", elsewhere="nothing of ours is pending after a payment's end"),
    Cell("F1", "M14", real=r"partner POST /.*(cancel|delete)"),
    Cell("F1", "M15", elsewhere="tests/replay/test_replay.py"),
    *(
        Cell("F1", f"{moment} of {what}", real=rf"partner POST /v1/{path} {point}$")
        for what, path in _CLAIMS.items()
        for moment, point in _REQUEST.items()
    ),
    Cell("F2", "M1", _at(Kind.KILL, "write begun", who="app")),
    Cell("F2", "M2", _at(Kind.KILL, "write committed", who="app")),
    Cell("F3", "M7", elsewhere="tests/proof/test_interruptions.py"),
    Cell("F3", "M8", _at(Kind.STAND_STILL, "exchange effected")),
    *(Cell("F4", moment, _at(Kind.STAND_STILL, *points)) for moment, points in _CALLS.items()),
    Cell("F4", "M7", elsewhere="tests/proof/test_interruptions.py"),
    Cell("F5", "all", _of(Kind.TEMPORAL_AWAY)),
    Cell("F6", "M2", _of(Kind.TEMPORAL_AWAY)),
    Cell("F7", "all", _of(Kind.STORE_AWAY)),
    Cell("F8", "M1", _at(Kind.COMMIT_UNKNOWN, "write committed", who="app")),
    Cell("F8", "M9", _at(Kind.COMMIT_UNKNOWN, "write committed")),
    Cell("F8", "M13", elsewhere="tests/store/test_faults.py"),
    Cell("F9", "M8-M12", elsewhere="tests/proof/test_interruptions.py"),
    Cell("F10", "M13", elsewhere="tests/proof/test_set_back.py"),
    # Partners
    Cell("P1", "M6", _of(Kind.REFUSE, where=_ORDER)),
    Cell("P2", "M6", _of(Kind.BAD_CERTIFICATE, where=_ORDER)),
    Cell("P3", "M6", _at(Kind.STAND_STILL, "exchange begun")),
    Cell("P4", "M7", _of(Kind.RESET_BEFORE, Kind.CUT_REQUEST, where=_ORDER)),
    Cell("P4", "M8", _of(Kind.SWALLOW_REPLY, Kind.STALL, where=_ORDER)),
    Cell("P5", "M8", _of(Kind.RESET_AFTER, Kind.CUT_REPLY, where=_ORDER)),
    Cell("P6", "M7", _of(Kind.ERROR_BEFORE, where=_ORDER)),
    Cell("P6", "M8", _of(Kind.ERROR_AFTER, where=_ORDER)),
    Cell("P11", "M8", _of(Kind.TOO_MANY_AFTER, where=_ORDER)),
    Cell("P7", "M8", elsewhere="tests/domain/test_sending_machine.py"),
    Cell("P8", "M8", elsewhere="tests/partners/currencycloud/test_submit.py"),
    Cell("P9", "M11", _of(Kind.FAIL_LATER)),
    Cell("P9", "M12", _of(Kind.FAIL_LATER)),
    Cell("P11", "M6", _of(Kind.TOO_MANY_BEFORE, where=_ORDER)),
    Cell("P12", "M6", real=r"partner POST .*authenticate|Logins\.",
         elsewhere="tests/journeys/test_logins.py"),
    Cell("P12", "M8", elsewhere="tests/journeys/test_logins.py"),
    Cell("P14", "M8", _of(Kind.SWALLOW_REPLY, where="order without keys or lookup")),
    Cell("P15", "M8", _of(Kind.SWALLOW_REPLY, where="order with a lookup that lags")),
    Cell("P16", "M11", elsewhere="tests/domain/test_sending_rules.py"),
    Cell("P17", "M6", elsewhere="tests/journeys/test_payments.py"),
    Cell("P18", "M12", elsewhere="tests/proof/test_checker.py"),
    # Deliveries
    Cell("W1", "M12", _of(Kind.NEWS)),
    Cell("W2", "M12", elsewhere="tests/inbound/test_endpoint.py"),
    Cell("W3", "any", elsewhere="tests/inbound/test_endpoint.py"),
    Cell("W4", "any", elsewhere="tests/inbound/test_endpoint.py"),
    Cell("W5", "M11", _of(Kind.FAIL_LATER)),
    Cell("W6", "M7-M9", elsewhere="tests/journeys/test_webhooks.py"),
    Cell("W7", "any", elsewhere="tests/store/test_inbox.py"),
    Cell("W8", "M12", elsewhere="tests/inbound/test_endpoint.py"),
    # Clients
    Cell("C1", "M1", elsewhere="tests/journeys/test_payments.py"),
    Cell("C2", "M1", elsewhere="tests/journeys/test_payments.py"),
    Cell("C3", "M1", elsewhere="tests/store/test_accepting.py"),
    Cell("C4", "M1-M3", _at(Kind.KILL, "write begun", "write committed", who="app")),
    Cell("C5", "M1", _of(Kind.REPEAT_ORDER)),
    Cell("C4", "M1 of a claim", elsewhere="tests/proof/test_interruptions.py"),
    # Races, versions, operators
    Cell("X1", "M6-M12", _of(Kind.CANCEL)),
    Cell("V1", "M15", elsewhere="tests/replay/test_replay.py"),
    Cell("V5", "any", _of(Kind.TERMINATE)),
)  # fmt: skip
