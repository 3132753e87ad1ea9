"""Rules for the media bucket. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Template = dict[str, Any]

TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}
READ_BY_EDGE = {
    "Sid": "ReadThroughEdge",
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": {"Fn::Sub": "${MediaBucket.Arn}/media/*"},
    "Condition": {
        "ArnLike": {
            "AWS:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${DistributionId}"
            }
        },
    },
}
CHEAPER = [("INTELLIGENT_TIERING", 30), ("GLACIER_IR", 90)]


def open_to_the_world(services: Template) -> list[str]:
    """Nothing is public, and nothing travels in the open."""
    statements = _statements(services)
    faults = []
    if list(_bucket(services)["PublicAccessBlockConfiguration"].values()) != [True] * 4:
        faults.append("public access is not blocked")
    if not any(each["Effect"] == "Deny" and each.get("Condition") == TLS_ONLY for each in statements):
        faults.append("takes what is not encrypted on its way")
    admitting = (each for each in statements if each["Effect"] == "Allow")
    return faults + [f"admits {each['Principal']}" for each in admitting if each != READ_BY_EDGE]


def takes_plain_uploads(services: Template) -> bool:
    """Whether an object may come to `incoming/` that does not say how it is encrypted."""
    wanted = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    return not any(
        each["Effect"] == "Deny"
        and each["Principal"] == "*"
        and each["Action"] == "s3:PutObject"
        and each["Resource"] == {"Fn::Sub": "${MediaBucket.Arn}/incoming/*"}
        and each["Condition"] == wanted
        for each in _statements(services)
    )


def deaf(services: Template) -> list[str]:
    """The bus hears of each object, and pages of the named origins may post, which is all that a browser does here."""
    bucket = _bucket(services)
    told = bucket.get("NotificationConfiguration", {}).get("EventBridgeConfiguration", {}).get("EventBridgeEnabled")
    faults = [] if told is True else ["nobody hears of uploads"]
    rules = bucket.get("CorsConfiguration", {}).get("CorsRules", [])
    faults += [] if rules else ["browsers may not post"]
    faults += ["any page may post" for rule in rules if rule["AllowedOrigins"] != {"Ref": "UploadOrigins"}]
    return faults + [f"browsers may {m.lower()}" for rule in rules for m in rule["AllowedMethods"] if m != "POST"]


def costly(services: Template) -> list[str]:
    """What is of no use is removed, and what is seldom looked at is stored for less."""
    return list(_costs([rule for rule in _rules(services) if rule.get("Status") == "Enabled"]))


def _costs(rules: list[Template]) -> Iterator[str]:
    incoming = [rule for rule in rules if rule.get("Prefix") == "incoming/"]
    if not any(rule.get("ExpirationInDays") == 1 for rule in incoming):
        yield "keeps uploads that nobody checked"
    if not any(rule.get("NoncurrentVersionExpiration") == {"NoncurrentDays": 1} for rule in incoming):
        yield "keeps refused uploads"
    for prefix in ("media/", "originals/"):
        moves = [move for rule in rules if rule.get("Prefix") == prefix for move in rule.get("Transitions", [])]
        if [(move["StorageClass"], move["TransitionInDays"]) for move in moves] != CHEAPER:
            yield f"{prefix} is never stored cheaper"
    if not any(rule.get("Prefix") == "exports/" and rule.get("ExpirationInDays") == 30 for rule in rules):
        yield "keeps exports"
    everywhere = [rule for rule in rules if "Prefix" not in rule]
    if not any(rule.get("NoncurrentVersionExpiration") == {"NoncurrentDays": 30} for rule in everywhere):
        yield "keeps old versions"
    if not any(rule.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1} for rule in everywhere):
        yield "keeps parts of files"


def _bucket(services: Template) -> Template:
    found: Template = services["Resources"]["MediaBucket"]["Properties"]
    return found


def _rules(services: Template) -> list[Template]:
    rules: list[Template] = _bucket(services)["LifecycleConfiguration"]["Rules"]
    return rules


def _statements(services: Template) -> list[Template]:
    """Those that are always there, and those that are there on a condition."""
    statements: list[Template] = services["Resources"]["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in statements]
