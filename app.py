"""Every way into Marketplace, in reading order. This file decides nothing: a line calls the use case."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from chalice.app import (
    AuthRequest,
    AuthResponse,
    CloudWatchEvent,
    CognitoUserPoolAuthorizer,
    Cron,
    DynamoDBEvent,
    Rate,
    SNSEvent,
    SQSEvent,
    WebsocketEvent,
)

from chalicelib import (
    activity,
    assistant,
    audit,
    config,
    database,
    health,
    messaging,
    notifications,
    orders,
    products,
    realtime,
    refunds,
    schedules,
    uploads,
    users,
)
from chalicelib.activity.schemas import ActivityOfEmail, ActivityQuery, ActivityView
from chalicelib.assistant.schemas import ConversationView, Question, ReplyView
from chalicelib.audit.schemas import AuditEntryView, AuditQuery
from chalicelib.caller import Caller
from chalicelib.health.schemas import DependenciesView, HealthView
from chalicelib.messaging.schemas import DeadLettersView, QueuesView, RedriveOrder, RedriveView
from chalicelib.notifications.schemas import DeviceRegistration, DeviceView
from chalicelib.orders.schemas import (
    BestsellerQuery,
    BestsellersView,
    OrderView,
    OwnOrders,
    OwnSales,
    PlaceOrder,
    SaleView,
)
from chalicelib.paging import PageRequest
from chalicelib.products.schemas import NewProduct, OwnProducts, ProductChange, ProductSearch, ProductView
from chalicelib.realtime.schemas import TicketView
from chalicelib.refunds.schemas import RefundView
from chalicelib.uploads.schemas import NewUpload, OriginalView, UploadFormView, UploadView
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


@app.route("/bestsellers", authorizer=anyone, query=BestsellerQuery, returns=BestsellersView, cached_for=60)
def read_bestsellers(query: dict[str, Any]) -> Any:
    """What sold best in the last 30 days."""
    return orders.best_sellers(query["limit"])


# --- uploads ----------------------------------------------------------------------------------------------------------


@app.route(
    "/uploads", methods=["POST"], authorizer=signed_in, body=NewUpload, returns=UploadFormView, status=201,
    idempotent=True,
)  # fmt: skip
def start_upload(caller: Caller, body: dict[str, Any]) -> Any:
    """Lets the caller send one picture of a product of theirs straight to the bucket, within 15 minutes."""
    return uploads.start(caller, body)


@app.route("/uploads/{upload_id}", authorizer=signed_in, returns=UploadView)
def read_upload(caller: Caller, upload_id: UUID) -> Any:
    """What became of an upload of the caller."""
    return uploads.read(caller, upload_id)


@app.route("/uploads/{upload_id}/original", authorizer=signed_in, returns=OriginalView)
def read_original(caller: Caller, upload_id: UUID) -> Any:
    """A link to the file as the caller sent it."""
    return uploads.original(caller, upload_id)


@app.on_cw_event(
    {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"prefix": config.resource_name("media-")}]},
            "object": {"key": [{"prefix": "incoming/"}]},
        },
    },
    name="publish_upload",
)
def publish_upload(event: CloudWatchEvent) -> None:
    """Makes the pictures that were sent anew and publishes them, or refuses them."""
    uploads.publish(event.to_dict(), database.read, database.write)


# --- orders -----------------------------------------------------------------------------------------------------------


@app.route(
    "/orders", methods=["POST"], authorizer=signed_in, body=PlaceOrder, returns=OrderView, status=201, idempotent=True
)
def place_order(caller: Caller, body: dict[str, Any]) -> Any:
    """Orders products; their stock is reserved at once."""
    return orders.place(caller, body["lines"])


@app.route("/orders", authorizer=signed_in, query=OwnOrders, returns=OrderView)
def list_orders(caller: Caller, query: dict[str, Any], page: PageRequest) -> Any:
    """What the caller ordered, newest first."""
    return orders.of_buyer(caller, page)


@app.route("/orders/{order_id}", authorizer=signed_in, returns=OrderView)
def read_order(caller: Caller, order_id: UUID) -> Any:
    """One of the caller's orders; admins may read any."""
    return orders.read(caller, order_id)


@app.route("/orders/{order_id}/cancel", methods=["POST"], authorizer=signed_in, returns=OrderView)
def cancel_order(caller: Caller, order_id: UUID) -> Any:
    """Cancels an order that has not been shipped; its stock is returned."""
    return orders.cancel(caller, order_id)


@app.route("/sales", authorizer=signed_in, query=OwnSales, returns=SaleView)
def list_sales(caller: Caller, query: dict[str, Any], page: PageRequest) -> Any:
    """Orders with the caller's products, newest first, with the caller's lines."""
    return orders.sales(caller, page)


@app.route("/sales/{order_id}/ship", methods=["POST"], authorizer=signed_in, returns=SaleView)
def ship_sale(caller: Caller, order_id: UUID) -> Any:
    """The caller has shipped their lines of a confirmed order."""
    return orders.ship(caller, order_id)


@app.on_sqs_message(config.resource_name("orders.fifo"), batch_size=10, name="fulfil_orders", maximum_concurrency=10)
def fulfil_orders(event: SQSEvent) -> Any:
    """Confirms the orders that were placed."""
    return messaging.consume(event, "fulfil_orders", orders.confirm)


@app.on_cw_event(
    {"source": ["marketplace.orders"], "detail-type": ["order.confirmed", "order.cancelled"]}, name="rank_bestsellers"
)
def rank_bestsellers(event: CloudWatchEvent) -> None:
    """Counts what was sold, and what was not after all."""
    orders.rank(event.detail)


@app.schedule(Rate(5, unit=Rate.MINUTES), name="expire_orders", description="Ends orders that nobody confirmed")
def expire_orders(event: CloudWatchEvent) -> None:
    """Ends the orders that were not confirmed within 15 minutes and returns their stock."""
    schedules.repeat(orders.expire_next, event.context, "OrdersExpired")


# --- refunds ----------------------------------------------------------------------------------------------------------


@app.route("/admin/orders/{order_id}/refund", methods=["POST"], authorizer=admin_auth, returns=RefundView, status=202)
def request_refund(caller: Caller, order_id: UUID) -> Any:
    """Cancels a confirmed order, unless its buyer did, and returns its money; once, however often it is asked for."""
    return refunds.request(caller, order_id)


@app.route("/admin/refunds/{refund_id}", authorizer=admin_auth, returns=RefundView)
def read_refund(caller: Caller, refund_id: UUID) -> Any:
    """How far a refund is."""
    return refunds.read(caller, refund_id)


@app.lambda_function(name="cancel_for_refund")
def cancel_for_refund(event: dict[str, Any], context: Any) -> None:
    """The first step of a refund: cancels the order and returns its stock."""
    refunds.cancel_order(event, database.write)


@app.lambda_function(name="return_money")
def return_money(event: dict[str, Any], context: Any) -> None:
    """The second step of a refund: returns the money and tells of it."""
    refunds.return_money(event, database.read, database.write)


@app.lambda_function(name="give_up_refund")
def give_up_refund(event: dict[str, Any], context: Any) -> None:
    """What a refund comes to when a step failed for good: people are to look at it."""
    refunds.give_up(event, database.write)


# --- notifications ----------------------------------------------------------------------------------------------------


@app.route(
    "/me/devices/{device_id}", methods=["PUT"], authorizer=signed_in, body=DeviceRegistration, returns=DeviceView
)
def register_device(caller: Caller, device_id: UUID, body: dict[str, Any]) -> Any:
    """Sends push notifications to a device of the caller."""
    return notifications.register_device(caller, device_id, body)


@app.route("/me/devices/{device_id}", methods=["DELETE"], authorizer=signed_in, status=204)
def remove_device(caller: Caller, device_id: UUID) -> Any:
    """Sends nothing to the device any more."""
    return notifications.remove_device(caller, device_id)


@app.on_sqs_message(config.resource_name("emails"), batch_size=10, name="send_emails", maximum_concurrency=5)
def send_emails(event: SQSEvent) -> Any:
    """Tells people by e-mail what happened to their orders."""
    return messaging.deliver(event, "send_emails", notifications.by_email)


@app.on_sqs_message(config.resource_name("pushes"), batch_size=10, name="send_pushes", maximum_concurrency=5)
def send_pushes(event: SQSEvent) -> Any:
    """Tells people on their devices what happened to their orders."""
    return messaging.deliver(event, "send_pushes", notifications.by_push)


@app.on_sns_message(config.resource_name("mail-events"), name="record_bounces")
def record_bounces(event: SNSEvent) -> None:
    """Mail providers tell of addresses that take no mail, or no more of ours."""
    database.write(lambda: notifications.record_mail_event(json.loads(event.message)))


# --- activity ---------------------------------------------------------------------------------------------------------


@app.route("/me/activity", authorizer=signed_in, query=ActivityQuery, returns=ActivityView)
def read_activity(caller: Caller, query: dict[str, Any]) -> Any:
    """The caller, their recent orders and what happened to their orders, in one piece."""
    return activity.of_caller(caller, query["limit"])


@app.route("/admin/activity", authorizer=admin_auth, query=ActivityOfEmail, returns=ActivityView)
def read_activity_of_email(caller: Caller, query: dict[str, Any]) -> Any:
    """The same about somebody who asks for help, by their e-mail address."""
    return activity.of_email(caller, query["email"], query["limit"])


@app.on_sns_message(config.resource_name("order-events"), name="record_activity")
def record_activity(event: SNSEvent) -> None:
    """Writes down what happened to orders, for their buyers."""
    activity.record(event.to_dict())


@app.on_cw_event(
    {"source": ["marketplace.users"], "detail-type": ["user.registered", "user.changed"]}, name="record_profiles"
)
def record_profiles(event: CloudWatchEvent) -> None:
    """Keeps the summary of a person beside their activity."""
    activity.record_profile(event.detail)


@app.on_dynamodb_record(config.table_stream_arn(), batch_size=100, name="push_activity")
def push_activity(event: DynamoDBEvent) -> Any:
    """Tells people on their open sockets what has just been written down."""
    return activity.push_live(event)


# --- sockets ----------------------------------------------------------------------------------------------------------


@app.route("/realtime/tickets", methods=["POST"], authorizer=signed_in, returns=TicketView)
def issue_ticket(caller: Caller) -> Any:
    """Lets the caller open a WebSocket, once, within 30 seconds."""
    return realtime.issue(caller)


@app.on_ws_connect(name="websocket_connect")
def websocket_connect(event: WebsocketEvent) -> Any:
    """Admits who brings a ticket."""
    return realtime.connect(event.to_dict())


@app.on_ws_message(name="websocket_message")
def websocket_message(event: WebsocketEvent) -> None:
    """Does what a client asks for."""
    realtime.receive(event.to_dict(), ask=assistant.ask, stop=assistant.stop)


@app.on_ws_disconnect(name="websocket_disconnect")
def websocket_disconnect(event: WebsocketEvent) -> None:
    """Forgets a connection that has ended."""
    realtime.disconnect(event.to_dict())


@app.schedule(Rate(15, unit=Rate.MINUTES), name="sweep_connections", description="Removes connections that have ended")
def sweep_connections(event: CloudWatchEvent) -> None:
    """Removes connections whose end nobody told."""
    realtime.remove_gone(event.context)


# --- assistant --------------------------------------------------------------------------------------------------------


@app.route("/assistant/messages", methods=["POST"], authorizer=signed_in, body=Question, returns=ReplyView)
def ask_assistant(caller: Caller, body: dict[str, Any]) -> Any:
    """Answers a question about the catalogue or the caller's own orders, in one piece."""
    return assistant.reply(caller, body, database.read)


@app.route("/assistant/conversations/{conversation_id}", authorizer=signed_in, returns=ConversationView)
def read_conversation(caller: Caller, conversation_id: UUID) -> Any:
    """What the caller asked and was replied."""
    return assistant.conversation(caller, conversation_id)


@app.lambda_function(name="answer_question")
def answer_question(event: dict[str, Any], context: Any) -> None:
    """Answers a question that came over a WebSocket, as the model speaks."""
    assistant.answer(event, database.read)


@app.schedule(Rate(5, unit=Rate.MINUTES), name="index_products", description="Learns what products mean")
def index_products(event: CloudWatchEvent) -> None:
    """Learns the meaning of products that are new or have changed, where there is an embedding model."""
    assistant.index(event.context, database.read, database.write)


# --- messages ---------------------------------------------------------------------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES), name="relay_outbox", description="Sends events that were left unsent")
def relay_outbox(event: CloudWatchEvent) -> None:
    """Sends the events that a crash or an outage left in the outbox."""
    messaging.relay_due(event.context)


@app.schedule(Cron(17, 3, "*", "*", "?", "*"), name="purge_expired", description="Removes expired records")
def purge_expired(event: CloudWatchEvent) -> None:
    """Removes what has expired: idempotency records, and the history of messages."""
    schedules.repeat(schedules.purge_some, event.context, "RowsPurged")


@app.route("/admin/queues", authorizer=signed_in, returns=QueuesView)
def read_queues(caller: Caller) -> Any:
    """How much waits in each queue and in the outbox, for how long, and the dead letters; for staff."""
    return messaging.queue_states(caller)


@app.route("/admin/dead-letters/{queue}", authorizer=admin_auth, returns=DeadLettersView)
def read_dead_letters(caller: Caller, queue: str) -> Any:
    """The dead letters of a queue, which stay where they are."""
    return messaging.dead_letters(caller, queue)


@app.route(
    "/admin/dead-letters/{queue}/redrive", methods=["POST"], authorizer=admin_auth, body=RedriveOrder,
    returns=RedriveView,
)  # fmt: skip
def redrive_dead_letters(caller: Caller, queue: str, body: dict[str, Any]) -> Any:
    """Sends dead letters back to their queue, or says which it would."""
    return messaging.redrive(caller, queue, body)


@app.lambda_function(name="dead_letters")
def dead_letters(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The same for operators: `python -m ops dead-letters` invokes it."""
    return database.write(lambda: messaging.answer_operator(event))


# --- releases ---------------------------------------------------------------------------------------------------------


@app.lambda_function(name="migrate")
def migrate(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A step of every release: brings the database to this release's schema."""
    return database.upgrade(event.get("revision", "head"))


app.load(activity, assistant, audit, health, notifications, orders, products, refunds, uploads, users)
