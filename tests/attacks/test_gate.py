"""Our own checks, where they say no after something has left."""

from __future__ import annotations

from datetime import timedelta

from domain.answers import Found
from domain.gate import Barred, CheckKind, Examined
from domain.ids import instruction_id
from domain.profile import InstructionKind
from domain.report import PaymentState, Source
from domain.sending import Move
from store.tables import InstructionRow
from store.timeline import timeline
from tests.fakes import SteppedClock, profile
from tests.store.books import INSTRUCTION, PAYMENT, Store, exchange, in_doubt, report

SECOND = timedelta(seconds=1)
