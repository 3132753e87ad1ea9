"""What AWS refuses, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from local.progress import Problem

_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.UnauthorizedSSOTokenError,
    exceptions.SSOTokenLoadError,
)
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_SIGN_IN = "Sign in (`aws sso login`), or name a profile with --profile."


@contextmanager
def explained(stage: str) -> Iterator[None]:
    """Raises Problem for what botocore raises inside, while something of `stage` is asked."""
    try:
        yield
    except ClientError as error:
        raise _refused(error, stage) from None
    except BotoCoreError as error:
        raise _not_asked(error, stage) from None


def _refused(error: ClientError, stage: str) -> Problem:
    code, message = str(error.response["Error"].get("Code")), str(error.response["Error"].get("Message", ""))
    if code in _BAD_CREDENTIALS:
        return Problem(f"AWS does not accept these credentials: {message or code}", _SIGN_IN)
    if code in _DENIED:
        return Problem(f"AWS denies it: {message}", "Use a profile whose role may do this.")
    if code == "ResourceNotFoundException":
        advice = f"Is the stage {stage} deployed in this account and region? --profile and --region choose others."
        return Problem(f"There is nothing of this name: {message}", advice)
    return Problem(f"AWS refuses it: {message} ({code})")


def _not_asked(error: BotoCoreError, stage: str) -> Problem:
    if isinstance(error, exceptions.ProfileNotFound):
        known = ", ".join(boto3.session.Session().available_profiles) or "none"
        return Problem(f"{str(error).rstrip('.')}.", f"Profiles of this machine: {known}.")
    if isinstance(error, _NO_CREDENTIALS):
        return Problem(f"There are no credentials for the stage {stage}: {error}.", _SIGN_IN)
    if isinstance(error, exceptions.ReadTimeoutError):
        return Problem(
            "AWS did not answer in time.", "What was asked for may still be done: look before you repeat it."
        )
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return Problem(f"AWS cannot be reached: {error}")
    return Problem(str(error))
