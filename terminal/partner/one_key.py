"""A new partner whose calls carry one key, instead of a token from a login."""

from __future__ import annotations

from terminal.partner.draft import Draft


def use_one_key(draft: Draft, *, in_own_header: bool) -> None:
    """Replace the login by one key.

    Args:
        in_own_header: in a header of its own, instead of as a bearer token.
    """
    for path in ("login.py", "simulator/sessions.py"):
        del draft.files[path]
    draft.change(
        "account.py",
        '''\
    client_id: str
    """who we are at the bank"""
    client_secret: SecretStr
    """the secret that gets a token, as the bank gave it"""
''',
        '''\
    customer: str
    """our customer number at the bank"""
    api_key: SecretStr
    """the API key, as the bank gave it"""
''',
    )
    draft.change("account.py", "and how to log in.", "and our key.")
    draft.cut("wire.py", "class Token(Wire):", "class Refusal(Wire):")
    client, header = "client.py", ', header="x-api-key", scheme=""' if in_own_header else ""
    draft.change(
        client,
        "from examples.harbour.login import Session\n",
        "from partners.kit.api_key import ApiKey\n",
    )
    draft.change(client, "PROFILE, account.client_id)", "PROFILE, account.customer)")
    draft.change(client, "{account.client_id} at", "{account.customer} at")
    draft.change(
        client,
        """\
        self._session = Session(self.login, account, workplace, self._transport)
        self._calls = Calls(self._transport, self._session, workplace.clock)
""",
        f"""\
        key = ApiKey(account.api_key{header})
        self._calls = Calls(self._transport, key, workplace.clock)
""",
    )
    draft.change(
        client,
        """\
    async def ready(self) -> answers.NotReady | None:
        return await self._session.ready()
""",
        """\
    async def ready(self) -> None:
        return None  # There is nothing to log in to.
""",
    )
    draft.change(
        "registration.py",
        """\
        "client_id": "simulated",
        "client_secret": "a secret of a simulator",
""",
        """\
        "customer": "1001",
        "api_key": "a-key-of-a-simulator",
""",
    )
    file = "simulator/partner.py"
    draft.change(file, "from examples.harbour.simulator.sessions import Sessions\n", "")
    imports = "from collections.abc import Mapping\n"
    draft.change(file, imports, f"import hmac\n{imports}")
    draft.change(file, "PAGE = 100\n", 'API_KEY = "a-key-of-a-simulator"\nPAGE = 100\n')
    draft.change(file, '        ("POST", "/token", "log_in"),\n', "")
    draft.change(
        file,
        """\
        book = Book(file)
        super().__init__(book, Notices, Target)
        self.sessions = Sessions(book)
""",
        "        super().__init__(Book(file), Notices, Target)\n",
    )
    draft.change(
        file,
        """\
        if call.endpoint != "log_in":
            self.sessions.use(call.token, now)

    def end_session(self, token: str | None) -> None:
        self.sessions.end(token)
""",
        """\
        if not hmac.compare_digest((call.token or "").encode(), API_KEY.encode()):
            raise _refusal(401, "unauthorised")
""",
    )
    draft.change(
        file,
        """\
            case "log_in":
                return self.sessions.log_in(call.fields, now)
""",
        "",
    )
    if in_own_header:
        draft.change(
            file,
            '    key = "',
            '    token_header = "x-api-key"\n    key = "',
        )
    book = "simulator/book.py"
    draft.change(book, "its logins and orders", "its orders")
    draft.cut(book, "    CREATE TABLE IF NOT EXISTS sessions", "    CREATE TABLE IF NOT EXISTS pay")
    draft.change("tests/words.py", "        token_lasts=15 * 60,\n", "")
    where = "X-Api-Key: KEY" if in_own_header else "Authorization: Bearer KEY"
    draft.change("README.md", "**Login.**", f"**Key.** Each request has `{where}`.\n\n**Login.**")
    draft.cut("README.md", "**Login.**", "**")
