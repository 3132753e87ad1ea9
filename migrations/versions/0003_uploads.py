"""Uploads, and the picture of a product"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What people may send and what became of it; a product shows the newest."""
    op.execute("""
        CREATE TABLE uploads (
            id uuid PRIMARY KEY,
            product_id uuid NOT NULL REFERENCES products (id),
            uploader_id uuid NOT NULL REFERENCES users (id),
            content_type text NOT NULL CHECK (content_type IN ('image/jpeg', 'image/png', 'image/webp')),
            bytes integer NOT NULL CHECK (bytes BETWEEN 1 AND 10485760),
            correlation_id text NOT NULL,
            status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'published', 'refused')),
            etag text,
            reason text CHECK (length(reason) <= 500),
            width integer CHECK (width BETWEEN 1 AND 1280),
            height integer CHECK (height BETWEEN 1 AND 1280),
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT uploads_published CHECK (
                (status = 'published') = (width IS NOT NULL) AND (width IS NULL) = (height IS NULL)
            ),
            CONSTRAINT uploads_refused CHECK ((status = 'refused') = (reason IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX uploads_pending ON uploads (created_at) WHERE status = 'pending'")
    op.execute("ALTER TABLE products ADD COLUMN image jsonb")


def downgrade() -> None:
    """Takes it back."""
    op.execute("ALTER TABLE products DROP COLUMN image")
    op.execute("DROP TABLE uploads")
