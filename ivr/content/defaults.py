"""The content that comes with the program: what answers calls when no other content can be used.

It has the call flow, the phrases in all languages, the word lists and Asterisk's templates, and no answers: callers
reach a person or leave a message by keys.  What a published version lacks is taken from here, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent / "default_content"
"""The root of this content."""
TEMPLATES: Final = Path("dialplans/asterisk")
"""The folder of Asterisk's templates, relative to the root of any content."""
COPIED: Final = (
    "dialplans/callflow.yml",
    "dialplans/asterisk/**/*.conf",
    "nlu/emergency.yml",
    "nlu/hotwords.yml",
    "nlu/languages.yml",
    "nlu/urgency.yml",
    "voices/names.txt",
    "voices/phrases/*.yml",
    "voices/say/*.yml",
    "voices/whisper-tokens.txt",
)
"""The files of the delivered content that are copied here by `make defaults`; a test compares them."""


def sources(root: Path) -> Iterator[Path]:
    """Yield the files below ``root`` that are copied, relative to it."""
    for pattern in COPIED:
        yield from sorted(path.relative_to(root) for path in root.glob(pattern))


def main(root: Path = Path()) -> None:
    """Make the copy anew from the content below ``root``."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for name in sources(root):
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, ROOT / name)


if __name__ == "__main__":
    main()
