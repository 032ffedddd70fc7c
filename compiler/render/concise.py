"""One line for each diagnostic, as editors and grep like them: `net.yaml:5:19: error [NNC0302] …`."""

from __future__ import annotations

from collections.abc import Sequence

from nnc.compiler.diagnostics import Diagnostic, Severity
from nnc.compiler.render.style import style_for
from nnc.compiler.render.visible import visible

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """The place, the severity, the code and the message; and the fix in brackets where there is one."""
    style = style_for(color)
    lines = []
    for d in diagnostics:
        paint = style.error if d.severity is Severity.ERROR else style.warning
        hint = f" ({visible(d.fix.title)})" if d.fix else ""
        lines.append(f"{visible(str(d.span))}: {paint(str(d.severity))} [{d.code}] {visible(d.message)}{hint}")
    return "\n".join(lines)
