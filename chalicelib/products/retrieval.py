"""Products that fit a question: by its words, by words much like them, and by its meaning.

A search asks for products that have every word; a question is more words than any product has, so here one is enough
and the order decides. The meanings are in the table `product_embeddings`, which is there where pgvector is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, and_, cast, column, func, or_, select, table, text
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from chalicelib.database import connection
from chalicelib.products.models import Product, product_from_row, products
from chalicelib.products.repository import COLUMNS, visible_to

# The question's words as PostgreSQL's full text knows them, the first 16: any of them (`query`), and those that are
# long enough to be recognised with a typing error (`words`).
_ASKED = text("""
    SELECT
        CAST(
            string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | ') AS tsquery
        ) AS query,
        coalesce(array_agg(lexeme) FILTER (WHERE length(lexeme) >= 4), '{}') AS words
    FROM (
        SELECT lexeme FROM unnest(to_tsvector('english', :question)) ORDER BY positions[1] LIMIT 16
    ) AS terms
""").columns(query=TSQUERY, words=ARRAY(Text))

_embeddings = table("product_embeddings", column("product_id"), column("model"), column("digest"))
_NEAREST_FIRST = text("product_embeddings.embedding <=> CAST(:meaning AS vector)")
_DIGEST = text("encode(sha256(convert_to(products.name || chr(10) || products.description, 'UTF8')), 'hex')")
_LEARN = text("""
    INSERT INTO product_embeddings (product_id, model, digest, embedding)
    SELECT entry.id, :model, entry.digest, CAST(entry.embedding AS vector)
    FROM jsonb_to_recordset(CAST(:meanings AS jsonb)) AS entry (id uuid, digest text, embedding text)
    JOIN products USING (id)
    ORDER BY entry.id
    ON CONFLICT (product_id) DO UPDATE
    SET model = excluded.model, digest = excluded.digest, embedding = excluded.embedding, learned_at = now()
""")


@dataclass(frozen=True)
class Described:
    """What a product says of itself; `digest` tells whether it has changed."""

    id: UUID
    text: str

    @property
    def digest(self) -> str:
        """The same for the same text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def by_words(question: str, limit: int) -> list[Product]:
    """Public products that have a word of `question`, or one much like it in their name; the best first."""
    asked = _ASKED.bindparams(question=question).cte("asked").prefix_with("MATERIALIZED")
    query = select(asked.c.query).scalar_subquery()
    words = cast(select(asked.c.words).scalar_subquery(), ARRAY(Text))  # or ANY would take it for a list of arrays
    name = func.lower(products.c.name)
    matches = or_(products.c.search.op("@@")(query), name.op("%>")(func.any(words)))
    word = func.unnest(words).column_valued("word")
    likeness = select(func.coalesce(func.max(func.word_similarity(word, name)), 0)).scalar_subquery()
    score = func.coalesce(func.ts_rank_cd(products.c.search, query), 0) + likeness
    return _all(select(*COLUMNS).where(visible_to(None), matches).order_by(score.desc(), products.c.id.desc()), limit)


def newest(limit: int) -> list[Product]:
    """The newest public products."""
    return _all(select(*COLUMNS).where(visible_to(None)).order_by(products.c.id.desc()), limit)


def has_meanings() -> bool:
    """Whether this database can keep meanings."""
    return bool(connection().execute(text("SELECT to_regclass('product_embeddings') IS NOT NULL")).scalar_one())


def by_meaning(model_id: str, meaning: Sequence[Any], limit: int) -> list[Product]:
    """Public products whose meaning is nearest, the nearest first."""
    statement = (
        select(*COLUMNS)
        .join_from(products, _embeddings, _embeddings.c.product_id == products.c.id)
        .where(visible_to(None), _embeddings.c.model == model_id)
        .order_by(_NEAREST_FIRST.bindparams(meaning=json.dumps(list(meaning))))
    )
    return _all(statement, limit)


def unlearned(model_id: str, limit: int) -> list[Described]:
    """Public products whose meaning for the model is not known, or is that of an older text."""
    is_known = and_(_embeddings.c.product_id == products.c.id, _embeddings.c.model == model_id)
    statement = (
        select(products.c.id, products.c.name, products.c.description)
        .outerjoin_from(products, _embeddings, is_known)
        .where(visible_to(None), _embeddings.c.digest.is_distinct_from(_DIGEST))
        .order_by(products.c.id)
        .limit(limit)
    )
    return [Described(row.id, f"{row.name}\n{row.description}") for row in connection().execute(statement)]


def learn(model_id: str, meanings: Sequence[tuple[Described, Sequence[Any]]]) -> None:
    """Stores meanings in the place of older ones."""
    entries = [
        {"id": str(described.id), "digest": described.digest, "embedding": json.dumps(list(meaning))}
        for described, meaning in meanings
    ]
    connection().execute(_LEARN, {"model": model_id, "meanings": json.dumps(entries)})


def _all(statement: Select[Any], limit: int) -> list[Product]:
    return [product_from_row(row._asdict()) for row in connection().execute(statement.limit(limit))]
