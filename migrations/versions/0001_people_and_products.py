"""People, products, the audit log and idempotency records"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """The first schema."""
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("""
        CREATE TABLE users (
            id uuid PRIMARY KEY,
            email text NOT NULL CHECK (length(email) <= 320),
            name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
            role text NOT NULL DEFAULT 'users' CHECK (role IN ('users', 'moderators', 'admins')),
            disabled boolean NOT NULL DEFAULT false,
            notify_email boolean NOT NULL DEFAULT true,
            notify_push boolean NOT NULL DEFAULT true,
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX users_newest ON users (created_at DESC, id DESC)")
    op.execute("CREATE INDEX users_search ON users USING gin (lower(email || ' ' || name) gin_trgm_ops)")
    op.execute("""
        CREATE TABLE products (
            id uuid PRIMARY KEY,
            seller_id uuid NOT NULL REFERENCES users (id),
            sku text NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
            name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            description text NOT NULL DEFAULT '' CHECK (length(description) <= 5000),
            price_amount bigint NOT NULL CHECK (price_amount BETWEEN 0 AND 1000000000000),
            price_currency char(3) NOT NULL CHECK (price_currency ~ '^[A-Z]{3}$'),
            stock integer NOT NULL CHECK (stock >= 0),
            status text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
            version integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            search tsvector NOT NULL GENERATED ALWAYS AS (
                setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'B')
            ) STORED,
            CONSTRAINT products_seller_sku UNIQUE (seller_id, sku)
        )
    """)
    op.execute("CREATE INDEX products_newest ON products (id DESC) WHERE status = 'active'")
    op.execute("CREATE INDEX products_price ON products (price_amount, id) WHERE status = 'active'")
    op.execute("CREATE INDEX products_of_seller ON products (seller_id, id DESC)")
    op.execute("CREATE INDEX products_search ON products USING gin (search) WITH (fastupdate = off)")
    op.execute("CREATE INDEX products_typos ON products USING gin (lower(name) gin_trgm_ops) WITH (fastupdate = off)")
    op.execute("""
        CREATE TABLE audit_log (
            id uuid PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            actor_id uuid NOT NULL,
            action text NOT NULL,
            subject text NOT NULL,
            detail jsonb NOT NULL DEFAULT '{}',
            correlation_id text NOT NULL DEFAULT ''
        )
    """)
    op.execute("""
        CREATE TABLE idempotency_keys (
            caller_id uuid NOT NULL,
            route text NOT NULL,
            key text NOT NULL,
            fingerprint text NOT NULL,
            status integer NOT NULL,
            headers jsonb NOT NULL,
            body text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (caller_id, route, key)
        )
    """)
    op.execute("CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)")


def downgrade() -> None:
    """Takes back everything."""
    op.execute("DROP TABLE idempotency_keys, audit_log, products, users")
