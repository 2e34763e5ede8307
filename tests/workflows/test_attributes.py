"""The search attributes: one set of names for every kind of workflow."""

from __future__ import annotations

from workflows.attributes import SEARCH_ATTRIBUTES

#: What a server takes of each type in one namespace, whatever the database behind it.
_KEYWORDS_MAX = 10


def test_they_fit_into_one_namespace_and_are_named_for_every_kind_of_workflow() -> None:
    assert list(SEARCH_ATTRIBUTES) == [
        "Kind", "State", "Certainty", "Requires", "Tenant", "Partner", "Rail", "EndToEndHash",
        "Deadline",
    ]  # fmt: skip
    keywords = [name for name, kind in SEARCH_ATTRIBUTES.items() if kind == "Keyword"]
    assert len(keywords) <= _KEYWORDS_MAX
