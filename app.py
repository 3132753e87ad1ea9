"""Every way into Marketplace, in reading order. This file decides nothing: a line calls the use case."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from chalice.app import AuthRequest, AuthResponse, CognitoUserPoolAuthorizer

from chalicelib import audit, config, database, health, products, users
from chalicelib.audit.schemas import AuditEntryView, AuditQuery
from chalicelib.caller import Caller
from chalicelib.health.schemas import DependenciesView, HealthView
from chalicelib.paging import PageRequest
from chalicelib.products.schemas import NewProduct, OwnProducts, ProductChange, ProductSearch, ProductView
from chalicelib.users.schemas import ProfileChange, ProfileView, UserChange, UserSearch, UserView
from chalicelib.web import identity
from chalicelib.web.application import Marketplace
from chalicelib.web.identity import Audience

Versions = Collection[int] | None

app = Marketplace("marketplace")

anyone = Audience.ANYONE
visitors = Audience.VISITORS
signed_in = CognitoUserPoolAuthorizer(
    "signed_in", provider_arns=[config.user_pool_arn()], scopes=["aws.cognito.signin.user.admin"]
)


@app.authorizer(ttl_seconds=60)
def admin_auth(request: AuthRequest) -> AuthResponse:
    """Lets admins, and nobody else, call the admin routes."""
    return identity.admit_admins(request, app.admin_routes())


# --- the service itself -----------------------------------------------------------------------------------------------


@app.route("/health", authorizer=anyone, returns=HealthView)
def read_health() -> Any:
    """Says that the service answers, and in which version. Touches nothing."""
    return {"status": "ok", "version": config.current().version}


@app.route("/health/dependencies", authorizer=admin_auth, returns=DependenciesView)
def read_dependencies(caller: Caller) -> Any:
    """Each dependency with its state and latency; 503 when a required one is down."""
    return health.dependencies(caller)


@app.route("/openapi.json", authorizer=anyone, cached_for=300)
def read_openapi() -> Any:
    """This API as an OpenAPI 3.1 document."""
    return app.openapi()


# --- people -----------------------------------------------------------------------------------------------------------


@app.route("/me", authorizer=signed_in, returns=ProfileView)
def read_profile(caller: Caller) -> Any:
    """The caller's own profile."""
    return users.profile(caller)


@app.route("/me", methods=["PATCH"], authorizer=signed_in, body=ProfileChange, returns=ProfileView, conditional=True)
def change_profile(caller: Caller, versions: Versions, body: dict[str, Any]) -> Any:
    """Changes the caller's name or notification preferences."""
    return users.change_profile(caller, versions, body)


@app.route("/admin/users", authorizer=admin_auth, query=UserSearch, returns=UserView)
def search_users(caller: Caller, query: dict[str, Any], page: PageRequest) -> Any:
    """People, newest first, by a part of their address or name."""
    return users.search(caller, query["q"], page)


@app.route("/admin/users/{user_id}", methods=["PATCH"], authorizer=admin_auth, body=UserChange, returns=UserView)
def administer_user(caller: Caller, user_id: UUID, body: dict[str, Any]) -> Any:
    """Changes a person's role, locks them out, or lets them in again."""
    return users.administer(caller, user_id, body)


@app.route("/admin/audit", authorizer=admin_auth, query=AuditQuery, returns=AuditEntryView)
def read_audit_log(caller: Caller, query: dict[str, Any], page: PageRequest) -> Any:
    """Who did what, newest first."""
    return audit.search(caller, page)


@app.lambda_function(name="pre_sign_up")
def pre_sign_up(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Cognito asks before it takes a registration: disposable addresses are refused."""
    users.check_email(event["request"]["userAttributes"].get("email"))
    return event


@app.lambda_function(name="post_confirmation")
def post_confirmation(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Cognito tells that somebody confirmed their address: they get the default group and a profile."""
    attributes = event["request"]["userAttributes"]
    database.write(lambda: users.confirm(UUID(attributes["sub"]), attributes["email"]))
    return event


# --- products ---------------------------------------------------------------------------------------------------------


@app.route("/products", authorizer=anyone, query=ProductSearch, returns=ProductView, cached_for=10)
def search_products(query: dict[str, Any], page: PageRequest) -> Any:
    """The public catalogue: full text that forgives typing errors, filters, four orders."""
    return products.search(query, page)


@app.route(
    "/products", methods=["POST"], authorizer=signed_in, body=NewProduct, returns=ProductView, status=201,
    idempotent=True,
)  # fmt: skip
def create_product(caller: Caller, body: dict[str, Any]) -> Any:
    """Lists a product."""
    return products.create(caller, body)


@app.route("/products/{product_id}", authorizer=visitors, returns=ProductView, cached_for=10)
def read_product(caller: Caller | None, product_id: UUID) -> Any:
    """A product; drafts and archived ones are for their seller and staff only."""
    return products.read(caller, product_id)


@app.route(
    "/products/{product_id}", methods=["PATCH"], authorizer=signed_in, body=ProductChange, returns=ProductView,
    conditional=True,
)  # fmt: skip
def change_product(caller: Caller, product_id: UUID, versions: Versions, body: dict[str, Any]) -> Any:
    """Changes a product: its seller and staff may."""
    return products.change(caller, product_id, versions, body)


@app.route(
    "/products/{product_id}", methods=["DELETE"], authorizer=signed_in, returns=ProductView, status=204,
    conditional=True,
)  # fmt: skip
def archive_product(caller: Caller, product_id: UUID, versions: Versions) -> Any:
    """Archives a product; orders keep their lines."""
    return products.archive(caller, product_id, versions)


@app.route("/me/products", authorizer=signed_in, query=OwnProducts, returns=ProductView)
def list_own_products(caller: Caller, query: dict[str, Any], page: PageRequest) -> Any:
    """The caller's own products in every status."""
    return products.of_seller(caller, page)


# --- releases ---------------------------------------------------------------------------------------------------------


@app.lambda_function(name="migrate")
def migrate(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A step of every release: brings the database to this release's schema."""
    return database.upgrade(event.get("revision", "head"))


app.load(audit, health, products, users)
