"""The words of `presensi-central account`."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sync.central.exits import Exit
from sync.central.roles import Role

if TYPE_CHECKING:
    from sync.central.house import House

    Adding = Callable[..., argparse.ArgumentParser]


def add_accounts(
    verb: "Adding", accounts: Any, reason: "Callable[[argparse.ArgumentParser], None]"
) -> None:
    """Add the verbs to the family `accounts`; the others are the command's ways to add words."""
    for action, words in (("add", "add an account"), ("set", "add it or change it")):
        account = verb(
            accounts,
            action,
            f"{words}; without --password-stdin a password is made and printed",
            _set,
            f"examples:\n  printf 'rahasia-sekali\\n' | "
            f"presensi-central account {action} admin --password-stdin\n"
            f"  presensi-central account {action} siti --role unit --unit DINKES\n"
            f"  presensi-central account {action} 198503152010011007 --role employee",
        )
        account.set_defaults(action=action)
        account.add_argument("name", metavar="NAME")
        account.add_argument(
            "--password-stdin", action="store_true", help="read the password's line from stdin"
        )
        account.add_argument(
            "--role",
            choices=[one.value for one in Role],
            help="admin: everything; officer: the whole city; unit: some units; reader: only "
            "reads; employee: their own code, NAME is their id in the roster "
            "(without it, a new account is an admin's and another keeps its role)",
        )
        account.add_argument(
            "--unit", action="append", default=[], metavar="UNIT", help="what a `unit` account sees"
        )
        reason(account)
    ended = verb(
        accounts,
        "end",
        "let an account log in no more, and no program read in its name",
        _end,
        "example:\n  presensi-central account end siti --reason 'moved to another city'",
    )
    ended.add_argument("name", metavar="NAME")
    reason(ended)
    verb(
        accounts,
        "list",
        "list the accounts and their roles",
        _list,
        "example:\n  presensi-central account list",
    )
    token = verb(
        accounts,
        "token",
        "make a token by which a program, such as SIAP, reads what a `reader` sees",
        _token,
        "example:\n  presensi-central account token siap SIAP",
    )
    token.add_argument("name", metavar="NAME")
    token.add_argument("program", metavar="PROGRAM", help="which program it is, in a word or two")
    reason(token)


def _set(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import verbs

    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else None
    said = verbs.set_account(
        house,
        arguments.name,
        password,
        replace=arguments.action == "set",
        reason=arguments.reason,
        role=None if arguments.role is None else Role(arguments.role),
        units=arguments.unit,
    )
    return _print(said)


def _end(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.end_account(house, arguments.name, arguments.reason))


def _list(house: "House", _: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.list_accounts(house))


def _token(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.add_token(house, arguments.name, arguments.program, arguments.reason))


def _print(text: str) -> int:
    sys.stdout.write(text)
    return Exit.OK
