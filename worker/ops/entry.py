"""Who may see the operations page: whoever has OPS_TOKEN, as a header or typed once a working day."""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.support.secrets import keyed, same

SESSION = timedelta(hours=10)
COOKIE = "factoring-ops"
TRIES = 10  # wrong tokens from one caller within a window; the right one waits then, too
WINDOW = timedelta(minutes=15)
_CALLERS = 1000  # remembered at once; more than that is one flood, and counted as one


class Entry:
    """Checks tokens and sessions in constant time, and counts what was wrong. In memory: a restart forgets."""

    def __init__(self, token: str) -> None:
        if len(token) < 32:
            raise ValueError("the token is too short")
        self._token = token
        self._wrong: dict[str, tuple[datetime, int]] = {}

    def is_slowed(self, caller: str, *, now: datetime) -> bool:
        """Whether this caller has to wait before another token of its is looked at."""
        begun, count = self._wrong.get(self._key(caller), (now, 0))
        return count >= TRIES and now < begun + WINDOW

    def is_token(self, given: str, caller: str, *, now: datetime) -> bool:
        """Whether it is the token. A wrong one is counted."""
        if same(given, self._token):
            self._wrong.pop(self._key(caller), None)
            return True
        self._wrong = {who: seen for who, seen in self._wrong.items() if now < seen[0] + WINDOW}
        key = self._key(caller)
        begun, count = self._wrong.get(key, (now, 0))
        self._wrong[key] = (begun, count + 1)
        return False

    def session(self, *, now: datetime) -> str:
        """The cookie's value: when it ends, signed with the token, so that another token ends every session."""
        ends = str(int((now + SESSION).timestamp()))
        return f"{ends}.{keyed(self._token.encode(), 'ops session', ends)}"

    def is_session(self, cookie: str, *, now: datetime) -> bool:
        ends, _, signature = cookie.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) <= 12):
            return False
        right = same(signature, keyed(self._token.encode(), "ops session", ends))
        return right and now.timestamp() < int(ends)

    def _key(self, caller: str) -> str:
        return caller if caller in self._wrong or len(self._wrong) < _CALLERS else "everybody else"
