"""What products mean, where pgvector is"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The table of meanings, if the extension is there or may be created; without it the assistant goes by words."""
    op.execute("""
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
                CREATE EXTENSION IF NOT EXISTS vector;
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'pgvector may not be created here';
        END
        $$
    """)
    op.execute("""
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
                CREATE TABLE product_embeddings (
                    product_id uuid PRIMARY KEY REFERENCES products (id) ON DELETE CASCADE,
                    model text NOT NULL,
                    digest text NOT NULL,
                    embedding vector(1024) NOT NULL,
                    learned_at timestamptz NOT NULL DEFAULT now()
                );
                CREATE INDEX product_embeddings_nearest ON product_embeddings USING hnsw (embedding vector_cosine_ops);
            END IF;
        END
        $$
    """)


def downgrade() -> None:
    """Forgets the meanings. The extension stays: others may use it."""
    op.execute("DROP TABLE IF EXISTS product_embeddings")
