"""The machine that measures, in words."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

__all__ = ["machine", "processor_name"]


def machine() -> str:
    """Return the processor, the cores that may be used and what computes, in words; loads nothing for it."""
    there = os.cpu_count() or 1
    used = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    parts = [f"{processor_name()}, {used} of {there} cores", f"Python {platform.python_version()}"]
    torch = sys.modules.get("torch")
    if torch is not None:
        parts.append(f"torch {torch.__version__}")
        if torch.cuda.is_available():
            parts.append(torch.cuda.get_device_name())
    return "; ".join(parts)


def processor_name() -> str:
    """Return the processor's name as the system tells it."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        found = re.search(r"^model name\s*:\s*(\S.*)$", table.read_text(errors="replace"), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine() or "an unnamed processor"
