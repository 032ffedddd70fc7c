"""Where a trained model comes from: versions, the code's revision, the data's fingerprint, when and on what system.

Written to `run.json` when a run begins, and taken over into the saved model but for the time, so that a resumed run and one that
was never interrupted save the same file, and equal runs do.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["git_state", "provenance_of", "provenance_rows", "versions"]

PACKAGES = ("torch", "torchvision")
PATIENCE = 5.0  # seconds that git may take
# Nothing that a repository's configuration names is run: no hook, no monitor, no filter, no transport.
SAFE = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never", "core.untrackedCache=false")
QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}


def provenance_of(folder: Path, data: str) -> dict[str, Any]:
    """What a run that begins now writes down. `folder` is the spec's, `data` the fingerprint of what it trains on."""
    found: dict[str, Any] = {"begun": datetime.now(UTC).isoformat(timespec="seconds")}
    found["versions"] = versions()
    found["platform"] = platform.platform()
    found["data"] = data
    state = git_state(folder)
    return found | ({"git": state} if state else {})


def versions() -> dict[str, str]:
    """Of nnc, Python, torch and torchvision, which need not be imported for that."""
    from nnc import __version__

    found = {"nnc": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """The revision that is checked out in a folder, and whether tracked files differ from it; None where there is no
    repository, no git, or no answer in time. Runs nothing that the repository names."""
    try:
        settings = [*SAFE, *_without_filters(folder)]
        revision = _git(folder, settings, "rev-parse", "--verify", "HEAD").strip()
        changed = _git(folder, settings, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return {"revision": revision, "dirty": bool(changed.strip())}


def _without_filters(folder: Path) -> list[str]:
    """Settings that turn off every filter that the repository's configuration has: `git status` would run them."""
    names = _git(folder, SAFE, "config", "--list", "--name-only", "-z").split("\0")
    kinds = (".clean", ".smudge", ".process")
    filters = sorted({n for n in names if n.startswith("filter.") and n.endswith(kinds) and "=" not in n})
    required = sorted({f"{n.rpartition('.')[0]}.required=false" for n in filters})
    if any(n.startswith("filter.") and n.endswith(kinds) and "=" in n for n in names):
        raise subprocess.SubprocessError("a filter whose name cannot be given on the command line")
    return [*(f"{n}=" for n in filters), *required]


def _git(folder: Path, settings: tuple[str, ...] | list[str], *command: str) -> str:
    options = [part for setting in settings for part in ("-c", setting)]
    done = subprocess.run(
        ["git", "--no-pager", "-C", str(folder), *options, *command],
        capture_output=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, env=os.environ | QUIET,
    )  # fmt: skip
    return done.stdout.decode("utf-8")


def provenance_rows(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of what is known, for a table. What a file says is shown as far as it is what we write."""
    known = provenance.get("versions")
    if isinstance(known, dict) and known:
        yield "made with", ", ".join(f"{name} {version}" for name, version in known.items())
    if isinstance(provenance.get("begun"), str):
        yield "begun", provenance["begun"]
    if isinstance(provenance.get("platform"), str):
        yield "on", provenance["platform"]
    state = provenance.get("git")
    if isinstance(state, dict) and isinstance(state.get("revision"), str):
        yield "git", state["revision"][:12] + (", with changes" if state.get("dirty") is True else "")
    if isinstance(provenance.get("data"), str):
        yield "data", provenance["data"]
    if type(provenance.get("seed")) is int:
        yield "seed", str(provenance["seed"])
