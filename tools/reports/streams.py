"""Text that a cell prints, as much of it as a page can hold."""

from __future__ import annotations

from collections import deque

LINE = 20_000
HEAD = TAIL = 500_000


def size(characters: int) -> str:
    """A number of characters for readers."""
    for unit, name in ((1e6, "MB"), (1e3, "kB")):
        if characters >= unit:
            return f"{characters / unit:.0f} {name}"
    return f"{characters} characters"


class StreamText:
    """Collects what is printed in time and memory that are linear and bounded: begin and end, and how much was cut between.

    A carriage return begins its line anew, as on a terminal.
    """

    def __init__(self) -> None:
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._room, self._tail_size, self._cut = HEAD, 0, 0
        self._begin_line()

    def _begin_line(self) -> None:
        self._line: list[str] = []
        self._length, self._returns = 0, False

    def add(self, text: str) -> None:
        first, *others = text.split("\n")
        self._extend(first)
        for piece in others:
            self._keep(self._current() + "\n")
            self._begin_line()
            self._extend(piece)

    def _extend(self, piece: str) -> None:
        """Adds to the line that has not ended yet."""
        if not piece:
            return
        ends_in_return = piece.endswith("\r")
        piece = piece.rstrip("\r")
        if piece and (self._returns or "\r" in piece):
            self._begin_line()
            piece = piece.rpartition("\r")[2]
        self._returns = ends_in_return or (self._returns and not piece)
        room = LINE - self._length
        if room > 0:
            self._line.append(piece[:room])
        self._length += len(piece)

    def _current(self) -> str:
        cut = self._length - LINE
        return "".join(self._line) + (f" … {size(cut)} of this line cut" if cut > 0 else "")

    def _keep(self, line: str) -> None:
        if self._room >= len(line) and not self._tail:
            self._head.append(line)
            self._room -= len(line)
            return
        self._tail.append(line)
        self._tail_size += len(line)
        while self._tail_size > TAIL:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._cut += gone

    def __str__(self) -> str:
        cut = [f"… {size(self._cut)} cut …\n"] if self._cut else []
        return "".join([*self._head, *cut, *self._tail, self._current()])


def shortened(text: str) -> str:
    """The text as a StreamText keeps it; one that has been shortened stays as it is."""
    if len(text) <= HEAD + TAIL + LINE:
        return text
    collected = StreamText()
    collected.add(text)
    return str(collected)
