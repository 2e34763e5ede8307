"""For schemathesis, in its own environment: values of the formats that our document names.

Without them hardly any order would be accepted, and nothing could be followed by the links.
"""

import schemathesis  # type: ignore[import-not-found]
from hypothesis import strategies as st

IBANS = ("DE89370400440532013000", "NL91ABNA0417164300", "FR7630006000011234567890189")

schemathesis.openapi.format("iban", st.sampled_from(IBANS))
schemathesis.openapi.format("bic", st.sampled_from(("DEUTDEFF", "INGBNL2A", "BNPAFRPPXXX")))
schemathesis.openapi.format("iso-4217", st.sampled_from(("EUR", "EUR", "USD", "JPY")))
