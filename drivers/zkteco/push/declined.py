"""The one error of the push parsers: a request that is not taken, and with which status.

The terminal trusts the status alone: 200 is stored, anything else means keep it and send it again.
"""


class Declined(Exception):
    """A request is refused. `why` is for people and holds nothing of the request's body."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"{status}: {why}")
        self.status = status
        self.why = why
