"""The places of a new partner that people have to fill in, each marked by a comment.

A marked value is a claim that nobody has checked. A test of the whole tree fails while a mark is
left, so that none is forgotten.
"""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple

from terminal.partner.draft import Draft
from terminal.partner.questions import Answers

MARK: Final = "FILL IN"
_WIDTH: Final = 100


class Place(NamedTuple):
    """A mark.

    Attributes:
        path: the file, in the model.
        above: the line of the model above which the comment goes.
        text: what has to be done there.
        instead: the mark replaces these lines, which are true of the model alone.
    """

    path: str
    above: str
    text: str
    instead: str = ""


_PLACES: Final = (
    Place("account.py", "class HarbourAccount(", "what has to be known to call this partner"),
    Place("profile.py", "    spec_version=", "the version of the partner's specification"),
    Place(
        "profile.py",
        "            idempotency=Idempotency(kind=Repeats.{idempotency}",
        "where the partner documents what a repeated key does, for how long, and which length and "
        "letters a key may have (key_length, key_alphabet)",
        """\
            # "Idempotency": a repeated key is answered with the order as it now stands; another
            # order under the key is refused with 409, and nothing is executed.
""",
    ),
    Place(
        "profile.py",
        "            lookup=Lookup(kind=Finds.{lookup}",
        "where the partner documents what a look-up shows, and how soon",
        '            # "Search": reads the primary database, so it shows what was written.\n',
    ),
    Place(
        "profile.py",
        "            refusals_without_effect=",
        "where the partner documents that these statuses mean 'not executed'. List none without a "
        "source: what it refuses would be sent again",
        '            # "Limits" and "Tokens": such a request is not executed.\n',
    ),
    Place(
        "profile.py",
        "            idempotency=Idempotency(kind=Repeats.NATURAL_KEY",
        "where the partner documents what a second cancel does",
        '            # "Cancel": an order that is cancelled already is shown as it is.\n',
    ),
    Place(
        "profile.py",
        "    watch=",
        "the partner's rails, and the source of each watch",
        "    # Our own choice: they promise nothing about returns.\n",
    ),
    Place("profile.py", "    shows_bookings=", "whether reads show the bookings of our account"),
    Place("wire.py", "class Order(", "the partner's objects, with the fields that we read"),
    Place(
        "mapping.py",
        "#: An unknown status is never guessed",
        "each status of the specification, and our state",
    ),
    Place(
        "mapping.py",
        "#: Errors that, by their reference",
        "each error that proves that nothing was executed",
    ),
    Place("mapping.py", "def asked(", "the order as the partner takes it"),
    Place("client.py", "class HarbourPartner:", "the partner's paths, headers and answers"),
    Place("login.py", "PATH: Final", "how the partner's login is asked, and what it answers"),
    Place(
        "webhooks.py", "_TOLERANCE: Final", "how the partner signs, and where it names the event"
    ),
    Place(
        "simulator/partner.py",
        "class Partner(",
        "the partner as its published specification says, never as our adapter expects it",
    ),
    Place("tests/words.py", "WORDS: Final", "the partner's paths and refusals"),
    Place(
        "tests/test_mapping.py",
        "STATUSES: Final",
        "the words of the partner's specification",
        '#: Of the specification, "Orders" and "Errors".\n',
    ),
)
_CERTIFICATE: Final = Place(
    "client.py",
    "        self._transport = workplace.transport(",
    "the client certificate that the partner demands: settings for its files in account.py, and "
    "the transport that presents it",
)


def mark(draft: Draft, answers: Answers) -> dict[str, list[str]]:
    """Put the comments into the draft. Returns the texts by file; a file that is gone has none.

    Raises:
        NoModel: the model has changed, and a mark's line is not there.
    """
    texts: dict[str, list[str]] = {}
    kinds = {
        "idempotency": answers["idempotency"].upper().replace("-", "_"),
        "lookup": answers["lookup"].upper(),
    }
    places = [*_PLACES, *([_CERTIFICATE] if answers["client-certificate"] == "yes" else [])]
    for place in places:
        above = place.above.format(**kinds)
        if place.path not in draft.files or (answers["cancel"] == "no" and "NATURAL_KEY" in above):
            continue
        _put(draft, place, above)
        texts.setdefault(place.path, []).append(place.text)
    return texts


def _put(draft: Draft, place: Place, above: str) -> None:
    indent = above[: len(above) - len(above.lstrip())]
    lines = textwrap.wrap(f"{MARK}: {place.text}.", _WIDTH - len(indent) - 2)
    comment = "".join(f"{indent}# {line}\n" for line in lines)
    if place.instead:  # It stands above that line.
        draft.first(place.path, place.instead, "")
    draft.first(place.path, above, f"{comment}{above}")
