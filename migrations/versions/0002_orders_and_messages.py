"""Orders, the outbox and the inbox, notifications"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What is ordered, what is told to other parts of the system, and what is told to people."""
    _add_orders()
    _add_messages()
    _add_notifications()
    # Operators act through their role in the cloud account and have no profile.
    op.execute("ALTER TABLE audit_log ALTER COLUMN actor_id DROP NOT NULL")


def downgrade() -> None:
    """Takes it back. Entries of operators, who have no profile, cannot stay."""
    op.execute("DELETE FROM audit_log WHERE actor_id IS NULL")
    op.execute("ALTER TABLE audit_log ALTER COLUMN actor_id SET NOT NULL")
    op.execute("DROP TABLE suppressed_addresses, notifications, devices, inbox, outbox, order_lines, orders")


def _add_orders() -> None:
    op.execute("""
        CREATE TABLE orders (
            id uuid PRIMARY KEY,
            buyer_id uuid NOT NULL REFERENCES users (id),
            status text NOT NULL CHECK (status IN ('placed', 'confirmed', 'shipped', 'cancelled', 'expired')),
            total_amount bigint NOT NULL CHECK (total_amount >= 0),
            total_currency char(3) NOT NULL CHECK (total_currency ~ '^[A-Z]{3}$'),
            version integer NOT NULL DEFAULT 1,
            placed_at timestamptz NOT NULL DEFAULT now(),
            confirmed_at timestamptz,
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX orders_of_buyer ON orders (buyer_id, id DESC)")
    op.execute("CREATE INDEX orders_unconfirmed ON orders (placed_at) WHERE status = 'placed'")
    op.execute("CREATE INDEX orders_confirmed ON orders (confirmed_at)")
    op.execute("CREATE INDEX orders_cancelled ON orders (updated_at) WHERE status = 'cancelled'")
    op.execute("""
        CREATE TABLE order_lines (
            order_id uuid NOT NULL REFERENCES orders (id),
            number integer NOT NULL CHECK (number BETWEEN 1 AND 50),
            product_id uuid NOT NULL REFERENCES products (id),
            seller_id uuid NOT NULL REFERENCES users (id),
            name text NOT NULL,
            unit_price_amount bigint NOT NULL CHECK (unit_price_amount >= 0),
            quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 100),
            shipped_at timestamptz,
            PRIMARY KEY (order_id, number),
            CONSTRAINT order_lines_product UNIQUE (order_id, product_id)
        )
    """)
    op.execute("CREATE INDEX order_lines_of_seller ON order_lines (seller_id, order_id DESC)")


def _add_messages() -> None:
    op.execute("""
        CREATE TABLE outbox (
            position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            event_id uuid NOT NULL,
            destination text NOT NULL,
            group_id uuid NOT NULL,
            type text NOT NULL,
            body text NOT NULL,
            correlation_id text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            attempts integer NOT NULL DEFAULT 0,
            next_attempt_at timestamptz NOT NULL DEFAULT now(),
            published_at timestamptz,
            parked_at timestamptz,
            error text NOT NULL DEFAULT '',
            CONSTRAINT outbox_event UNIQUE (event_id, destination)
        )
    """)
    op.execute("""
        CREATE INDEX outbox_pending ON outbox (position) WHERE published_at IS NULL AND parked_at IS NULL
    """)
    op.execute("""
        CREATE INDEX outbox_pending_of_group ON outbox (destination, group_id, position)
        WHERE published_at IS NULL AND parked_at IS NULL
    """)
    op.execute("CREATE INDEX outbox_parked ON outbox (parked_at) WHERE parked_at IS NOT NULL")
    op.execute("CREATE INDEX outbox_history ON outbox (published_at) WHERE published_at IS NOT NULL")
    op.execute("""
        CREATE TABLE inbox (
            consumer text NOT NULL,
            message_id uuid NOT NULL,
            received_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, message_id)
        )
    """)
    op.execute("CREATE INDEX inbox_history ON inbox (received_at)")


def _add_notifications() -> None:
    op.execute("""
        CREATE TABLE devices (
            user_id uuid NOT NULL REFERENCES users (id),
            id uuid NOT NULL,
            platform text NOT NULL CHECK (platform IN ('fcm', 'apns')),
            token text NOT NULL CHECK (length(token) <= 2048),
            endpoint text NOT NULL,
            enabled boolean NOT NULL DEFAULT true,
            updated_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (user_id, id)
        )
    """)
    op.execute("CREATE UNIQUE INDEX devices_token ON devices (platform, md5(token))")
    op.execute("""
        CREATE TABLE notifications (
            id uuid PRIMARY KEY,
            event_id uuid NOT NULL,
            user_id uuid NOT NULL REFERENCES users (id),
            kind text NOT NULL,
            channel text NOT NULL CHECK (channel IN ('email', 'push')),
            device_id uuid,
            state text NOT NULL DEFAULT 'pending'
                CHECK (state IN ('pending', 'sending', 'sent', 'refused', 'uncertain')),
            claimed_at timestamptz,
            finished_at timestamptz,
            detail text NOT NULL DEFAULT '',
            CONSTRAINT notifications_once UNIQUE NULLS NOT DISTINCT (event_id, user_id, kind, channel, device_id)
        )
    """)
    op.execute("CREATE INDEX notifications_open ON notifications (event_id, channel) WHERE finished_at IS NULL")
    op.execute("""
        CREATE TABLE suppressed_addresses (
            email text PRIMARY KEY CHECK (email = lower(email)),
            reason text NOT NULL CHECK (reason IN ('bounce', 'complaint')),
            detail text NOT NULL DEFAULT '',
            suppressed_at timestamptz NOT NULL DEFAULT now()
        )
    """)
