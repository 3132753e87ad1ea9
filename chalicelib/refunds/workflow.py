"""Starting the workflow of a refund: the state machine `marketplace-{stage}-refund` (`infra/refund_workflow.py`)."""

from __future__ import annotations

import json

from chalicelib import clients, config
from chalicelib.errors import Unavailable
from chalicelib.observability import correlation_id, logger
from chalicelib.refunds.models import Refund

_ALREADY_STARTED = "ExecutionAlreadyExists"


def start(refund: Refund) -> None:
    """Has the attempt carried out; again changes nothing, since an attempt is one execution by name.

    Raises `Unavailable` when it cannot be started.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    workflow = config.current().refund_workflow_arn
    if not workflow:
        raise Unavailable("Refunds are not available here.", retry_after=60)
    wanted = {"refund_id": str(refund.id), "attempt": refund.attempt, "correlation_id": correlation_id.get()}
    try:
        clients.client("stepfunctions").start_execution(
            stateMachineArn=workflow, name=f"{refund.id}-{refund.attempt}", input=json.dumps(wanted)
        )
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") == _ALREADY_STARTED:
            return
        logger.warning("refund not started", extra={"reason": type(error).__name__})
        raise Unavailable("Refunds are not available right now.") from None
