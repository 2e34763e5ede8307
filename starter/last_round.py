"""Finds the last round of upkeep in Temporal that our own worker completed.

Anybody who can reach Temporal can complete a workflow under the name of a round. Such a result
proves nothing, so the round before it counts. Taking it for "no round yet" was refused: a stranger
could then make us forget the mark that shows whether the database was set back.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from temporalio.client import Client

from domain.ids import UPKEEP
from domain.lifecycle.witness import Known
from starter.converter import NotOurs
from store import keys
from store.database import Database
from store.keyring import Keyring, MissingKey
from workflows.upkeep import known

log = logging.getLogger("finality.upkeep")

#: How many rounds are looked at, the newest first: some hours of them at the usual pace.
_ASKED: Final = 1000


async def known_round(client: Client, database: Database, keyring: Keyring) -> Known:
    """What the newest round of ours left in Temporal.

    Its `refused` says why, if there are rounds but none is ours.

    Raises:
        WrongKeyring: later rounds cannot be opened and may be ours, because the keyring lacks a key
            of this store.
    """
    refused, why = 0, ""
    rounds = client.list_workflows(
        f"WorkflowId STARTS_WITH '{UPKEEP}' AND ExecutionStatus = 'Completed'", limit=_ASKED
    )
    ours = Known()
    async for found in rounds:
        try:
            result = await client.get_workflow_handle(found.id, run_id=found.run_id).result()
        except (NotOurs, MissingKey) as stranger:
            refused, why = refused + 1, why or f"{found.id}: {stranger}"
            continue
        if refused:
            log.warning("%d later rounds of upkeep are not ours; %s", refused, why)
        ours = known(result)
        break
    else:
        if refused:
            ours = Known(refused=f"none of the {refused} rounds in Temporal is ours; {why}")
    if refused:
        await database.read(partial(keys.require_whole, keyring))
    return ours
