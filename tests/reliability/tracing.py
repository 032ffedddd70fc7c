"""Every operation by which another process changes files, stopped in front of the system call: to count it, to end the
process there, or to let it fail. The kernel's ptrace sees what Python, Rust and C do alike, so nothing is missed because
it is not patched.

    with Traced(action, *arguments, below=folder) as traced:
        for operation in traced:            # stopped in front of it
            traced.kill()                   # dies here
            traced.kill_halfway()           # a write of half its bytes, then the end
            traced.fail(errno.ENOSPC)       # the system refuses
            (nothing)                       # it goes on
"""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import platform
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.runtime.killing import started

__all__ = ["Operation", "Traced", "cannot_trace"]

# ptrace(2) and <linux/ptrace.h>
SEIZE, INTERRUPT, SYSCALL, POKE_USER, SYSCALL_INFO = 0x4206, 0x4207, 24, 6, 0x420E
GOOD_STOPS, EXIT_KILL = 1, 1 << 20
SYSCALL_STOP = signal.SIGTRAP | 0x80
ANY_CHILD = 0x40000000  # __WALL
ENTRY = 1
# x86-64: places of registers in the user area, and numbers of system calls
ORIGINAL_RAX, RAX, RDX = 15 * 8, 10 * 8, 12 * 8
BY_PATH = {"open": 2, "truncate": 76, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87,
           "symlink": 88, "chmod": 90}  # fmt: skip
BY_FOLDER = {"openat": 257, "mkdirat": 258, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266,
             "fchmodat": 268, "renameat2": 316, "openat2": 437}  # fmt: skip
BY_FILE = {"write": 1, "pwrite64": 18, "writev": 20, "flock": 73, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "fchmod": 91,
           "fallocate": 285, "pwritev": 296}  # fmt: skip
NAMES = {number: name for table in (BY_PATH, BY_FOLDER, BY_FILE) for name, number in table.items()}
OPENING = {"open": 1, "openat": 2}  # where their flags stand among the arguments
TARGETS = {"rename": ("rename", 1), "renameat": ("renameat", 2), "renameat2": ("renameat2", 2)}  # the second path
LONGEST = 4096
NO_FOLDER = -100  # AT_FDCWD

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def cannot_trace() -> str:
    """Why processes cannot be traced here; "" where they can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "system calls are traced on Linux on x86-64 only"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and int(scope.read_text()) > 1:
        return "this system forbids tracing processes"
    return ""


@dataclass(frozen=True)
class Operation:
    """Something that is about to happen to a file: `openat` of a path, `write` of `length` bytes to one, `rename` of one to
    `target` …"""

    number: int
    name: str
    path: Path
    length: int = 0
    target: Path | None = None


class Traced:
    """The file operations below a folder of an action that runs in a process of its own."""

    def __init__(self, action: Callable[..., object], *arguments: Any, below: Path) -> None:
        self.below = below.resolve()
        self._refusal, self._halfway, self._signal, self._ended = 0, False, 0, False
        ours, theirs = multiprocessing.Pipe()
        self.process = started(_waiting, theirs, action, *arguments)
        theirs.close()
        assert ours.poll(60), "the process does not begin"
        ours.recv()
        assert self.process.pid is not None
        self.pid = self.process.pid
        _ptrace(SEIZE, self.pid, 0, GOOD_STOPS | EXIT_KILL)
        _ptrace(INTERRUPT, self.pid)
        os.waitpid(self.pid, ANY_CHILD)
        ours.send("go")
        ours.close()

    def __enter__(self) -> Traced:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        while not self._ended:  # one who traces hears of the end first, and the parent only then
            self._next_stop()
        self.process.join()

    def __iter__(self) -> Iterator[Operation]:
        number, entered = 0, False
        while not self._ended:
            if not self._next_stop():
                continue
            entered = not entered
            if not entered:
                self._leave()
                continue
            found = self._operation(number + 1)
            if found is not None:
                number += 1
                yield found

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def kill_halfway(self) -> None:
        """The write at hand puts half of its bytes, and the process ends behind it."""
        _ptrace(POKE_USER, self.pid, RDX, self._arguments[2] // 2)
        self._halfway = True

    def fail(self, number: int) -> None:
        """The operation at hand does not happen, and the system says why it cannot."""
        _ptrace(POKE_USER, self.pid, ORIGINAL_RAX, -1)
        self._refusal = number

    def _next_stop(self) -> bool:
        """Lets the process go on to its next stop, and says whether that is at a system call. Where there is none more,
        `_ended` is set."""
        with suppress(ProcessLookupError):  # it was killed while it stood: its end is waiting to be heard of
            _ptrace(SYSCALL, self.pid, 0, self._signal)
        try:
            _, status = os.waitpid(self.pid, ANY_CHILD)
        except ChildProcessError:
            self._ended = True
            return False
        self._signal = 0
        self._ended = os.WIFEXITED(status) or os.WIFSIGNALED(status)
        if self._ended or os.WSTOPSIG(status) == SYSCALL_STOP:
            return not self._ended
        if status >> 16 == 0:  # a signal on its way to the process, and no event of ptrace
            self._signal = os.WSTOPSIG(status)
        return False

    def _leave(self) -> None:
        """The end of a system call."""
        if self._refusal:
            _ptrace(POKE_USER, self.pid, RAX, -self._refusal)
            self._refusal = 0
        if self._halfway:
            self._halfway = False
            self.kill()

    def _operation(self, number: int) -> Operation | None:
        """The file operation that the process is about to begin; None where it is none, or one elsewhere."""
        info = (ctypes.c_uint64 * 11)()
        _ptrace(SYSCALL_INFO, self.pid, ctypes.sizeof(info), ctypes.addressof(info))
        assert info[0] & 0xFF == ENTRY, "entries and exits have been confused"
        call, self._arguments = int(info[3]), [int(a) for a in info[4:10]]
        name = NAMES.get(call)
        if name is None:
            return None
        if name in OPENING and not self._arguments[OPENING[name]] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return None
        path = self._path(name)
        if path is None or not path.is_relative_to(self.below):
            return None
        length = self._arguments[2] if name in ("write", "pwrite64") else 0
        target = TARGETS.get(name)
        return Operation(number, name, path, length, self._path(*target) if target else None)

    def _path(self, name: str, at: int = 0) -> Path | None:
        """The path that the arguments from number `at` on give to a system call of this kind."""
        first, second = self._arguments[at : at + 2]
        try:
            if name in BY_FILE:
                return Path(os.readlink(f"/proc/{self.pid}/fd/{first}"))
            if name in BY_PATH:
                return Path(os.readlink(f"/proc/{self.pid}/cwd")) / self._text(first)
            folder = ctypes.c_int32(first & 0xFFFFFFFF).value
            base = "cwd" if folder == NO_FOLDER else f"fd/{folder}"
            return Path(os.readlink(f"/proc/{self.pid}/{base}")) / self._text(second)
        except OSError:
            return None

    def _text(self, address: int) -> str:
        """A text in the memory of the process, up to the end of the page it is in or the next."""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            found = b""
            while b"\0" not in found and len(found) < LONGEST:
                memory.seek(address + len(found))
                found += memory.read(LONGEST - (address + len(found)) % LONGEST)
        return os.fsdecode(found.split(b"\0")[0])


def _waiting(connection: Connection, action: Callable[..., object], *arguments: Any) -> None:
    """In the process: waits until it is traced."""
    connection.send("here")
    connection.recv()
    connection.close()
    action(*arguments)


def _ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> None:
    if libc.ptrace(request, pid, address, data) < 0:
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            raise ProcessLookupError
        raise OSError(number, os.strerror(number))
