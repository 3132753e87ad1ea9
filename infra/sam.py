"""The transform that CloudFormation applies to the app's template before it reads it."""

from __future__ import annotations

import logging
from typing import Any

from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from infra.stages import DEFAULT_REGION

# It says for each function that it does not know what it has not fetched.
logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.ERROR)


def sam_translated(template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """The plain CloudFormation template that the SAM transform makes of `template`, given values of `parameters`."""
    translator = Translator({}, Parser(), boto_session=Session(region_name=DEFAULT_REGION))
    translated: dict[str, Any] = translator.translate(template, parameter_values=parameters)
    return translated
