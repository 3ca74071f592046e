"""What can go wrong at central, cut by what the caller does about it.

CentralError
|-- StoreError
|   |-- StoreUnavailable  locked, full, read-only, gone: no receipt, wait and come back
|   |   `-- Contended     two transactions waited for each other: begin this one again at once
|   |-- StoreRejected     it is there and will not take these values: set that one message aside
|   `-- WrongSchema       written by another version: a person must look
|-- KeyTrouble            central's own key is missing, unreadable or not the one it was
`-- JournalTrouble        central's own journal cannot be written or read: nothing was decided
"""


class CentralError(Exception):
    """Central cannot do what was asked."""


class StoreError(CentralError):
    """The database does not do what was asked; nothing of the transaction is in it."""


class StoreUnavailable(StoreError):
    """The database refuses everybody for now."""


class Contended(StoreUnavailable):
    """Another transaction was in the way of this one, and is not any more."""


class StoreRejected(StoreError):
    """The database refuses these values, and will refuse them again."""


class WrongSchema(StoreError):
    """The database is not of this version."""


class JournalTrouble(CentralError):
    """Central's own journal cannot be used; nothing was decided."""


class KeyTrouble(CentralError):
    """Central's own key cannot be used."""
