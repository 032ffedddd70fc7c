"""Files that somebody else names are opened only where they are ordinary: a pipe or a device may never come to an end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["ordinary"]


def ordinary(path: Path) -> Path:
    """The path of a file to be read. Raises OSError: FileNotFoundError where there is none, and for what is no ordinary
    file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        reason = "it is a folder" if path.is_dir() else "it is a pipe or a device, and no ordinary file"
        raise OSError(errno.EINVAL, reason, str(path))
    return path
