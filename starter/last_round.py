"""The last round of upkeep that Temporal remembers, and that our own worker ended.

Whoever reaches Temporal can end a workflow under the name of a round. Such a result proves nothing,
so the round before it counts. If it counted as "no round yet", a stranger could make us forget the
mark by which a database that was set back is found.
"""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from temporalio.client import Client

from domain.ids import UPKEEP
from domain.witness import Known
from starter.converter import NotOurs
from store.keyring import MissingKey
from workflows.upkeep import known

log = logging.getLogger("finality.upkeep")

#: Rounds that are looked at, the newest first: some hours of them at the usual pace.
_ASKED: Final = 1000


class Found(NamedTuple):
    """What Temporal remembers."""

    known: Known
    """What the last round left that is ours; `refused` where there are rounds and none is."""
    refused: int = 0
    """How many rounds after it are not ours, or are sealed with a key that we lack."""


async def last_round(client: Client) -> Found:
    """The newest round that is ours."""
    refused, why = 0, ""
    rounds = client.list_workflows(
        f"WorkflowId STARTS_WITH '{UPKEEP}' AND ExecutionStatus = 'Completed'", limit=_ASKED
    )
    async for found in rounds:
        try:
            result = await client.get_workflow_handle(found.id, run_id=found.run_id).result()
        except (NotOurs, MissingKey) as stranger:
            refused, why = refused + 1, why or f"{found.id}: {stranger}"
            continue
        if refused:
            log.warning("%d later rounds of upkeep are not ours; %s", refused, why)
        return Found(known(result), refused)
    if not refused:
        return Found(Known())
    return Found(Known(refused=f"of {refused} rounds in Temporal none is ours; {why}"), refused)
