"""How a command can end: the exit codes, and the exception for a request that cannot be met."""

__all__ = ["FINDINGS", "INTERNAL", "INTERRUPTED", "MISUSE", "OK", "UNREAD", "Misuse"]

OK = 0
FINDINGS = 1  # the spec, the data or the result has faults, and they were shown
MISUSE = 2  # the command line is wrong, or a file cannot be read or written
INTERNAL = 70  # a fault of nnc itself (EX_SOFTWARE)
INTERRUPTED = 130  # Ctrl-C (128 + SIGINT)
UNREAD = 141  # nobody reads our output any more, as after `nnc … | head` (128 + SIGPIPE)


class Misuse(Exception):
    """The command line asks for something that cannot be done; the text says what and why, in one line."""
