"""Refunds of orders"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """One refund for each order, and how far it is."""
    op.execute("""
        CREATE TABLE refunds (
            id uuid PRIMARY KEY,
            order_id uuid NOT NULL REFERENCES orders (id),
            amount bigint NOT NULL CHECK (amount >= 0),
            currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            status text NOT NULL CHECK (status IN ('pending', 'refunded', 'failed')),
            attempt integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
            reason text,
            payment_reference text,
            requested_by uuid NOT NULL REFERENCES users (id),
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT refunds_once UNIQUE (order_id),
            CONSTRAINT refunds_reason CHECK ((status = 'failed') = (reason IS NOT NULL)),
            CONSTRAINT refunds_reference CHECK ((status = 'refunded') = (payment_reference IS NOT NULL))
        )
    """)


def downgrade() -> None:
    """Takes the table away."""
    op.execute("DROP TABLE refunds")
