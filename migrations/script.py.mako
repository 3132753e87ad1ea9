"""${message}"""

from __future__ import annotations

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Expand first: the release before this one still runs on the new schema."""
    op.execute("""
    """)


def downgrade() -> None:
    """Takes back what `upgrade` added."""
    op.execute("""
    """)
