"""Reads an open input forward, with look-ahead and seeking."""

import io
from typing import BinaryIO

from curricle.storage.files import open_input


def is_empty(url: str) -> bool:
    """True for a file of 0 bytes."""
    with open_input(url) as file:
        return file.seek(0, io.SEEK_END) == 0


class Window:
    """A file that is read forward in blocks, with look-ahead and seeking. `position` is the stored offset of the next byte."""

    def __init__(self, file: BinaryIO, block: int = 1 << 18) -> None:
        self._file, self._block = file, block
        self._buffer, self._at = b"", 0
        self.position = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes without consuming them; fewer only at the end of the file."""
        while len(self._buffer) - self._at < size:
            data = self._file.read(max(self._block, size))
            if not data:
                break
            self._buffer, self._at = self._buffer[self._at :] + data, 0
        return self._buffer[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Consume the next `size` bytes."""
        data = self.peek(size)
        self._at += len(data)
        self.position += len(data)
        return data

    def seek(self, position: int) -> None:
        """Go to a stored offset. This is cheap if it is still in the buffer."""
        at = self._at + position - self.position
        if 0 <= at <= len(self._buffer):
            self._at = at
        else:
            self._file.seek(position, io.SEEK_SET)
            self._buffer, self._at = b"", 0
        self.position = position
