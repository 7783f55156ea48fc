# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""One order for the messages of many (total-order broadcast)."""
from __future__ import annotations

import contextlib
import ctypes
import errno
from ctypes import byref
from dataclasses import dataclass
from types import TracebackType
from typing import Dict, Generic, Iterator, Optional, Tuple, Type, TypeVar

from . import _abi
from ._errors import ConsensusError, checked
from ._library import library, patiently
from ._owned import Owned
from ._values import DEFAULT, Timeout, encoded, unsigned

T = TypeVar("T")


@dataclass(frozen=True)
class Stamp:
    """What goes with a message: its number (1, 2, 3, ...), and the token it was taken under."""

    number: int
    token: int


@dataclass(frozen=True)
class Delivery(Generic[T]):
    """The next message of the order."""

    stamp: Stamp
    message: T


class TooFarAhead(ConsensusError):
    """ENOSPC: beyond a receiver's room. Take what is ready, ask for what is missing, retry."""


def _stamp(stamp: Stamp) -> _abi.Stamp:
    return _abi.Stamp(unsigned(stamp.number, "number"), unsigned(stamp.token, "token"))


def _put(code: int) -> None:
    if code == -errno.ENOSPC:
        raise TooFarAhead(errno.ENOSPC, "too far beyond the next number of the order")
    checked(code)


class Sender(Owned):
    """Takes numbers for messages, in the order name (at most 58 bytes).

        with sender.message() as stamp:
            ...     # send it with its stamp, until all receivers have it (or a store has)

    How messages travel is the program's affair. Numbers are taken under the shared lock
    NAME.send. A sender that stays idle has to give it up when somebody wants to void numbers:
    poll fileno(), and call end(). One message at a time. In a child after fork(): InChild.

    Who misses a number that nobody can send again (its sender died) voids it, in two rounds:

    1. Sender.void() gives a stamp V. Every receiver calls seal(V), and answers then which
       messages with numbers up to V.number it has, delivered ones too.
    2. When all have answered, each is sent what it misses and any other has, stamped with its
       number and V.token; when it has put all of that, it calls void(V).

    Stale from a receiver: somebody who began later does the same; stop. A receiver that is new,
    or came back, takes nothing and answers nobody before it has voided by itself. All of this
    is in consensus_sequence.h, with what it gives and what not.
    """

    _free = "consensus_sender_free"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        checked(library().consensus_sender_new(byref(self._pointer), encoded(name)), name)

    def __repr__(self) -> str:
        return f"<Sender {self.name!r}>"

    def begin(self, timeout: Timeout = DEFAULT) -> Stamp:
        """A number for a message; end() when all have it. EBUSY: one is under way.

        timeout: for the lock, if it is to be taken, and for the number, each. OutcomeUnknown:
        a number may have been taken that is nobody's: it is to be voided.
        """
        c = _abi.Stamp()
        at = byref(c)
        with self._alone():
            checked(patiently(
                lambda ns: library().consensus_sender_begin(self._live(), ns, at), timeout),
                self.name)
        return Stamp(c.number, c.token)

    def end(self) -> None:
        """The message is with all. Gives the lock up if somebody waits to void numbers.

        With nothing under way it does only that. LockLost: the grant was lost meanwhile: if
        nobody had the message in time, its number is void.
        """
        with self._alone():
            checked(library().consensus_sender_end(self._live()), self.name, holder=True)

    @contextlib.contextmanager
    def message(self, timeout: Timeout = DEFAULT) -> Iterator[Stamp]:
        """begin(), and end() at the end of the block.

        If the block raises, the message is still under way: send it again and call end(), or
        close the sender; then its number is void, unless a receiver has it.
        """
        yield self.begin(timeout)
        self.end()

    def void(self, timeout: Timeout = DEFAULT) -> Stamp:
        """The stamp for the rounds above: waits until no sender has the lock. EBUSY: this one.

        No number up to the stamp's is taken any more under a token below the stamp's. Number
        0: there is nothing to be voided.
        """
        c = _abi.Stamp()
        at = byref(c)
        with self._alone():
            checked(patiently(
                lambda ns: library().consensus_sender_void(self._live(), ns, at), timeout),
                self.name)
        return Stamp(c.number, c.token)

    def fileno(self) -> int:
        """For select and poll while idle: readable, call end(). Not to be read."""
        with self._alone():
            return checked(library().consensus_sender_fd(self._live()))

    def close(self) -> None:
        """Gives its lock up, at once and without waiting."""
        self._let_go()

    def __enter__(self) -> Sender:
        with self._alone():
            self._live()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()


class Receiver(Owned, Generic[T]):
    """Puts what arrives into the one order. No system calls, never blocks.

        receiver: Receiver[bytes] = Receiver()
        receiver.put(stamp, message)
        for delivery in receiver:       # those that are ready
            apply(delivery.message)

    following: the first number to be delivered. room: how far beyond the next one a message
    may be, a power of two up to 2^20.
    """

    _free = "consensus_receiver_free"

    def __init__(self, following: int = 1, room: int = 1024) -> None:
        super().__init__()
        # C keeps the numbers, and a pointer that is nothing but not NULL; messages are here.
        self._messages: Dict[int, T] = {}
        checked(library().consensus_receiver_new(
            byref(self._pointer), unsigned(following, "following"),
            unsigned(room, "room", 32)))

    def __repr__(self) -> str:
        return f"<Receiver with {len(self._messages)} waiting>"

    def put(self, stamp: Stamp, message: T) -> bool:
        """A message arrived; False: it is there, or was delivered or passed over.

        Stale: it is void, or comes too late for a seal. TooFarAhead: there is no room for it
        yet: take what is ready, ask for what is missing, and put it again.
        """
        c = _stamp(stamp)
        at = byref(c)
        with self._alone():
            self._live()
            before = [self._messages[n] for n in (c.number,) if n in self._messages]
            self._messages[c.number] = message
            code = library().consensus_receiver_put(self._live(), at, 1)
            if code:
                del self._messages[c.number]
                self._messages.update((c.number, m) for m in before)
        if code == -errno.EEXIST:
            return False
        _put(code)
        return True

    def take(self) -> Optional[Delivery[T]]:
        """The next message of the order; None: it has not arrived. Void numbers are passed."""
        c = _abi.Stamp()
        at = byref(c)
        with self._alone():
            if not library().consensus_receiver_next(self._live(), at):
                return None
            return Delivery(Stamp(c.number, c.token), self._messages.pop(c.number))

    def __iter__(self) -> Iterator[Delivery[T]]:
        """All that is ready now."""
        while True:
            delivery = self.take()
            if delivery is None:
                return
            yield delivery

    def find(self, number: int) -> Optional[Delivery[T]]:
        """What arrived with that number and is not delivered, to be sent again; else None."""
        c = _abi.Stamp()
        at = byref(c)
        unsigned(number, "number")
        with self._alone():
            if not library().consensus_receiver_get(self._live(), number, at):
                return None
            return Delivery(Stamp(c.number, c.token), self._messages[c.number])

    @property
    def position(self) -> int:
        """The next number to be delivered: all below it are delivered or void."""
        with self._alone():
            return int(library().consensus_receiver_position(self._live()))

    def missing(self) -> Optional[Tuple[int, int]]:
        """The first and the last number of the gap that holds up what has arrived, if any."""
        first, last = ctypes.c_uint64(), ctypes.c_uint64()
        begin, end = byref(first), byref(last)
        with self._alone():
            if not library().consensus_receiver_missing(self._live(), begin, end):
                return None
        return first.value, last.value

    def seal(self, stamp: Stamp) -> None:
        """Round 1 of voiding, see Sender: nothing up to stamp.number with an older token.

        Stale: there is a seal with a higher token.
        """
        c = _stamp(stamp)
        at = byref(c)
        with self._alone():
            _put(library().consensus_receiver_seal(self._live(), at))

    def void(self, stamp: Stamp) -> None:
        """Round 2: what has not arrived up to stamp.number never will.

        Stale: that is not its seal. TooFarAhead: it is done as far as there is room; take what
        is ready, put what others have behind it, and call this again.
        """
        c = _stamp(stamp)
        at = byref(c)
        with self._alone():
            _put(library().consensus_receiver_void(self._live(), at))

    def close(self) -> None:
        """Whatever has not been taken is let go."""
        self._let_go()
        self._messages.clear()

    def __enter__(self) -> Receiver[T]:
        with self._alone():
            self._live()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()
