"""Text as a vector of its meaning, by Amazon Titan Text Embeddings V2 on Bedrock.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib import clients, config
from chalicelib.errors import Unavailable
from chalicelib.observability import logger

DIMENSIONS = 1024
"""What the column of the database holds."""

_LONGEST = 20_000


def embed(text: str) -> list[Any]:
    """The meaning of `text`: 1024 fractions. Raises `Unavailable`."""
    from botocore.exceptions import BotoCoreError, ClientError

    settings = config.current().assistant
    wanted = {"inputText": text[:_LONGEST], "dimensions": DIMENSIONS, "normalize": True}
    try:
        answer = clients.client("bedrock-runtime", region=settings.region).invoke_model(
            modelId=settings.embedding_model_id, contentType="application/json", body=json.dumps(wanted)
        )
        vector = json.loads(answer["body"].read())["embedding"]
    except (BotoCoreError, ClientError, KeyError, ValueError) as error:
        logger.warning("no embedding", extra={"reason": type(error).__name__})
        raise Unavailable("The embedding model is not available right now.") from None
    if len(vector) != DIMENSIONS:
        raise Unavailable(f"The embedding model gives {len(vector)} dimensions; {DIMENSIONS} are wanted.")
    return list(vector)
