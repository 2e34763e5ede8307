"""Checks that need nothing but the settings."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator

from domain.plain_text import plain
from settings import Settings
from settings_sources import UP_FILE, secret_files, settings_file
from terminal.doctor.findings import Examined


async def home(settings: Settings) -> AsyncIterator[Examined]:
    """Where this process keeps its state, and which files its settings come from."""
    file, is_named = settings_file()
    places = [f"settings file {file}"] if file.exists() else ["no settings file"]
    if file.exists() and not is_named:
        places[0] += " of the working folder"
    if secrets := secret_files():
        places.append(f"secret files: {len(secrets)}")
    if (up := settings.home / UP_FILE).exists():
        places.append(f"{up.absolute()} of `finality up`")
    yield Examined("settings", f"home {settings.home.resolve()}, {', '.join(places)}")


async def folder(settings: Settings) -> AsyncIterator[Examined]:
    """Whether other users can read the home; earlier releases left that to the umask."""
    if not settings.home.exists():
        return
    loose = [
        path
        for path in (settings.home, *sorted(settings.home.iterdir()))
        if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()
    ]
    if loose and stat.S_IMODE(settings.home.stat().st_mode) & 0o077:
        yield Examined(
            "home",
            f"others can look into {settings.home.resolve()}",
            f"chmod -R go-rwx {settings.home.resolve()}",
        )


async def temporal_profile(settings: Settings) -> AsyncIterator[Examined]:
    """The sources of Temporal's address and TLS."""
    file = os.environ.get("TEMPORAL_CONFIG_FILE")
    variables = sorted(name for name in os.environ if name.startswith("TEMPORAL_"))
    named = [*([f"file {file}"] if file else []), *variables] or ["this user's own, or none"]
    yield Examined("Temporal profile", ", ".join(named))


async def debtors(settings: Settings) -> AsyncIterator[Examined]:
    """Whether each debtor account of files is mapped to a partner account in the settings."""
    wrong = 0
    for number, debtor in settings.debtors.items():
        known = settings.partner_accounts(debtor.partner)
        if debtor.partner_account in known:
            continue
        wrong += 1
        there = ", ".join(sorted(known)) or "none"
        yield Examined(
            f"debtor …{plain(number)[-4:]}",
            f"pays from {debtor.partner}/{debtor.partner_account}, which is not in the settings "
            f"(there: {there})",
            f"set its partner_account to one of them, or add FINALITY_PARTNERS__"
            f"{debtor.partner.upper()}__{debtor.partner_account.upper()}__…",
        )
    if settings.debtors and not wrong:
        yield Examined("debtors", f"{len(settings.debtors)}, each with an account that pays")
