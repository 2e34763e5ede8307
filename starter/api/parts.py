"""What the HTTP API is made of. Assembly fills it, and the handlers only translate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from domain.clock import Clock
from domain.lifecycle.profile import Profile
from starter.accounts import Accounts
from starter.approving import Approver
from starter.client import Orchestrator
from starter.consents import ConsentOrchestrator
from starter.files.accepted import AcceptedFiles
from starter.files.intake import Intake
from starter.files.plan import DebtorAccount
from starter.operations import Operations
from starter.webhooks.endpoints import WebhookEndpoints
from store.api_keys import ApiKeys
from store.events import Events
from store.file_requests import FileRequests
from store.reports import Reports


@dataclass(frozen=True, repr=False)
class Parts:
    """The use cases behind the API.

    Attributes:
        intake: takes files for one tenant. It knows the debtors of that tenant only.
        debtors: every debtor account of the settings, as `Intake` has them.
        ready: returns normally if the database answers, and else raises StoreAway.
        release: the version of the program.
    """

    orchestrator: Orchestrator
    consents: ConsentOrchestrator
    approver: Approver
    operations: Operations
    events: Events
    webhook_endpoints: WebhookEndpoints
    reports: Reports
    keys: ApiKeys
    file_requests: FileRequests
    accepted_files: AcceptedFiles
    accounts: Accounts
    intake: Callable[[str], Intake]
    debtors: Mapping[str, DebtorAccount]
    profiles: Callable[[], Mapping[tuple[str, str], Profile]]
    ready: Callable[[], Awaitable[None]]
    clock: Clock
    release: str = field(default="")
