"""Files of a published version, which another version of the program may have checked and published.

What such a file lacks comes from the program's own content (``ivr.content.defaults``), with a warning.  Files that
are edited get no such help: they must be right.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from ivr.content import defaults
from ivr.core import yamlfile
from ivr.core.files import is_regular
from ivr.core.yamlfile import Document, M, Severity

MANIFEST: Final = "manifest.json"
"""The file that makes a folder a version."""


def is_version(root: Path) -> bool:
    """Whether ``root`` is the folder of a version."""
    return is_regular(root / MANIFEST)


def load(path: Path, model: type[M], root: Path) -> Document[M]:
    """Read a file as ``yamlfile.load``; one of a version is mended, and faults that remain are warnings."""
    if not is_version(root):
        return yamlfile.load(path, model, root)
    spare = defaults.ROOT / path.relative_to(root)
    if not path.exists() and spare.is_file():  # a kind of file that came later
        return yamlfile.load(spare, model, defaults.ROOT)
    document = yamlfile.load(path, model, root, spare)
    if document.model is not None:
        document.findings = [dataclasses.replace(one, severity=Severity.WARNING) for one in document.findings]
    return document
