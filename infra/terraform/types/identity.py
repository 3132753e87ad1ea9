"""The user pool."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Nested, Properties, Translation, block, choice, inline, tags

# Without them the provider makes the pool anew whenever it looks at it.
_ANY_LENGTH = {"MinLength": "0", "MaxLength": "2048"}


def _bounded(attribute: Properties) -> Properties:
    return {"StringAttributeConstraints": _ANY_LENGTH, **attribute}


def _second_factor(properties: Properties) -> Properties:
    """The list of second factors is a block for the one there is."""
    factors = {"SoftwareToken": {"Enabled": "SOFTWARE_TOKEN_MFA" in properties["EnabledMfas"]}}
    return {**{name: value for name, value in properties.items() if name != "EnabledMfas"}, **factors}


TYPES: Mapping[str, Translation] = {
    "AWS::Cognito::UserPool": Translation(
        "aws_cognito_user_pool",
        attributes={"Arn": "arn", "UserPoolId": "id"},
        prepare=_second_factor,
        arguments={
            "UserPoolName": "name",
            "DeletionProtection": "deletion_protection",
            "UsernameAttributes": "username_attributes",
            "UsernameConfiguration": block("username_configuration", {"CaseSensitive": "case_sensitive"}),
            "AutoVerifiedAttributes": "auto_verified_attributes",
            "UserAttributeUpdateSettings": block(
                "user_attribute_update_settings",
                {"AttributesRequireVerificationBeforeUpdate": "attributes_require_verification_before_update"},
            ),
            "Schema": Nested(
                "schema",
                {
                    "Name": "name",
                    "AttributeDataType": choice("attribute_data_type", String="String"),
                    "Required": "required",
                    "Mutable": "mutable",
                    "StringAttributeConstraints": block(
                        "string_attribute_constraints", {"MinLength": "min_length", "MaxLength": "max_length"}
                    ),
                },
                prepare=_bounded,
            ),
            "AdminCreateUserConfig": block(
                "admin_create_user_config", {"AllowAdminCreateUserOnly": "allow_admin_create_user_only"}
            ),
            "AccountRecoverySetting": block(
                "account_recovery_setting",
                {"RecoveryMechanisms": block("recovery_mechanism", {"Name": "name", "Priority": "priority"})},
            ),
            "Policies": inline(
                {
                    "PasswordPolicy": block(
                        "password_policy",
                        {
                            "MinimumLength": "minimum_length",
                            "RequireLowercase": "require_lowercase",
                            "RequireUppercase": "require_uppercase",
                            "RequireNumbers": "require_numbers",
                            "RequireSymbols": "require_symbols",
                            "TemporaryPasswordValidityDays": "temporary_password_validity_days",
                        },
                    )
                }
            ),
            "MfaConfiguration": "mfa_configuration",
            "SoftwareToken": block("software_token_mfa_configuration", {"Enabled": "enabled"}),
            "DeviceConfiguration": block(
                "device_configuration",
                {
                    "ChallengeRequiredOnNewDevice": "challenge_required_on_new_device",
                    "DeviceOnlyRememberedOnUserPrompt": "device_only_remembered_on_user_prompt",
                },
            ),
            "LambdaConfig": block(
                "lambda_config", {"PreSignUp": "pre_sign_up", "PostConfirmation": "post_confirmation"}
            ),
            "UserPoolTags": tags(),
        },
    ),
    "AWS::Cognito::UserPoolClient": Translation(
        "aws_cognito_user_pool_client",
        attributes={"ClientId": "id"},
        arguments={
            "ClientName": "name",
            "UserPoolId": "user_pool_id",
            "GenerateSecret": "generate_secret",
            "ExplicitAuthFlows": "explicit_auth_flows",
            "SupportedIdentityProviders": "supported_identity_providers",
            "PreventUserExistenceErrors": "prevent_user_existence_errors",
            "EnableTokenRevocation": "enable_token_revocation",
            "AuthSessionValidity": "auth_session_validity",
            "AccessTokenValidity": "access_token_validity",
            "IdTokenValidity": "id_token_validity",
            "RefreshTokenValidity": "refresh_token_validity",
            "TokenValidityUnits": block(
                "token_validity_units",
                {"AccessToken": "access_token", "IdToken": "id_token", "RefreshToken": "refresh_token"},
            ),
            "ReadAttributes": "read_attributes",
            "WriteAttributes": "write_attributes",
        },
    ),
    "AWS::Cognito::UserPoolDomain": Translation(
        "aws_cognito_user_pool_domain",
        ref="domain",
        arguments={"UserPoolId": "user_pool_id", "Domain": "domain"},
    ),
    "AWS::Cognito::UserPoolGroup": Translation(
        "aws_cognito_user_group",
        ref="name",
        arguments={
            "UserPoolId": "user_pool_id",
            "GroupName": "name",
            "Precedence": "precedence",
            "Description": "description",
        },
    ),
}
