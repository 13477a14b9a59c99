"""``make migration``: generates the initial revision from ``ivr/store/tables.py``.

After the first release, a change will be a revision of its own.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

from ivr.store.tables import metadata

FOLDER = Path(__file__).parent
HEADER = '''"""All tables.  Written by `make migration` from ivr/store/tables.py: edit that, not this."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = None


def upgrade() -> None:
'''


def main() -> None:
    """Write ``versions/initial.py`` and HEAD."""
    body = _body()
    revision = f"initial_{hashlib.sha256(body.encode()).hexdigest()[:12]}"
    (FOLDER / "versions/initial.py").write_text(HEADER.format(revision=revision) + body, "utf-8")
    package = FOLDER / "__init__.py"
    named = re.sub(r'(?m)^HEAD = ".*"$', f'HEAD = "{revision}"', package.read_text("utf-8"))
    package.write_text(named, "utf-8")
    sys.stdout.write(f"{revision}: commit ivr/store/tables.py and ivr/store/migrations/ together\n")


def _body() -> str:
    """The statements that make all tables in an empty database."""
    with sa.create_engine("sqlite://").connect() as connection:
        script = produce_migrations(MigrationContext.configure(connection), metadata)
    assert script.upgrade_ops is not None
    code = render_python_code(script.upgrade_ops)
    lines = [line for line in code.splitlines() if not line.lstrip().startswith("# ###")]
    return "\n".join(f"    {line}" if line else "" for line in lines).replace("'", '"').rstrip() + "\n"


if __name__ == "__main__":
    main()
