"""The demo people, in the user pool of the embedded AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.progress import Problem
from local.stacks import Stacks


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in: everybody is in the group `users`, and in that of the role."""

    email: str
    name: str
    role: str = "users"

    @property
    def groups(self) -> list[str]:
        """The Cognito groups."""
        return sorted({"users", self.role})


DEMO = (
    Person("buyer@example.com", "Bea Buyer"),
    Person("seller@example.com", "Sam Seller"),
    Person("moderator@example.com", "Mo Moderator", "moderators"),
    Person("admin@example.com", "Ada Admin", "admins"),
)


class People:
    """Signs people up without an e-mail, and in with their password."""

    def __init__(self, stacks: Stacks) -> None:
        self._cognito: Any = stacks.session.client("cognito-idp")
        self._pool = stacks.parameter("users/pool-id")
        self._client = stacks.parameter("users/client-id")

    def ensure(self, person: Person, password: str) -> str:
        """Make `person` able to sign in with `password`, and return the subject: the person's id everywhere."""
        subject = self._subject(person) or self._create(person)
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool, Username=subject, Password=password, Permanent=True
        )
        for group in person.groups:
            self._cognito.admin_add_user_to_group(UserPoolId=self._pool, Username=subject, GroupName=group)
        return subject

    def access_token(self, email: str, password: str) -> str:
        """A new access token. Raises Problem when the pool refuses."""
        try:
            answer = self._cognito.initiate_auth(
                ClientId=self._client,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
        except self._cognito.exceptions.ClientError as error:
            demo = ", ".join(person.email for person in DEMO)
            raise Problem(f"{email} cannot sign in: {error}", f"The demo people are {demo}.") from None
        return str(answer["AuthenticationResult"]["AccessToken"])

    def _subject(self, person: Person) -> str:
        answer = self._cognito.list_users(UserPoolId=self._pool, Filter=f'email = "{person.email}"')
        return next((_attribute(user["Attributes"], "sub") for user in answer["Users"]), "")

    def _create(self, person: Person) -> str:
        answer = self._cognito.admin_create_user(
            UserPoolId=self._pool,
            Username=person.email,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": person.email},
                {"Name": "email_verified", "Value": "true"},
                {"Name": "name", "Value": person.name},
            ],
        )
        return _attribute(answer["User"]["Attributes"], "sub")


def _attribute(attributes: list[dict[str, str]], name: str) -> str:
    return next(attribute["Value"] for attribute in attributes if attribute["Name"] == name)
