"""What activity, sockets, pictures and the assistant need each granted action for."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import httpx
from boto3.dynamodb.types import TypeSerializer
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chalicelib.activity import items
from chalicelib.realtime import connections
from tests.activity import stream_event
from tests.events import bus_event, scheduled_event, sns_event
from tests.grants.recorded import EMBEDDING_MODEL
from tests.integration.actors import Actor, a_key
from tests.integration.functions import environment, invoke
from tests.integration.needs import Need, World, a_confirmation, works
from tests.integration.orders import an_order, events_of, message
from tests.integration.problems import kind_of
from tests.integration.sockets import Socket, socket_of
from tests.integration.waiting import until
from tests.pictures import encoded, gradient

PICTURE = encoded(gradient(640, 480), "JPEG", quality=80)
PATIENCE = 5
"""Seconds after which something that a function was asked for does not happen any more."""

_serialize = TypeSerializer().serialize


def _succeeds(world: World, function: str, event: Any) -> bool:
    return not invoke(world.stack, function, event)[1]


def _within(patience: float, condition: Any) -> bool:
    try:
        until(condition, patience)
    except AssertionError:
        return False
    return True


# --- activity ---------------------------------------------------------------------------------------------------------


def an_event(person_id: str) -> dict[str, Any]:
    """An item about something that happened to an order of the person's."""
    event_id = str(uuid4())
    return {
        "pk": f"person#{person_id}",
        "sk": f"{items.FEED}{event_id}",
        "kind": items.EVENT,
        "id": event_id,
        "type": "order.confirmed",
        "occurred_at": "2026-01-31T12:00:00.000Z",
        "correlation_id": f"test-{uuid4().hex}",
        "data": {"buyer_id": person_id},
    }


def _activity_is_recorded(world: World, _: Any) -> bool:
    told = message("order.confirmed", an_order(world.buyer, world.product))
    return _succeeds(world, "record_activity", sns_event(json.loads(told)))


def _profile_is_recorded(world: World, _: Any) -> bool:
    person = {
        "id": str(uuid4()),
        "email": f"{uuid4().hex}@example.com",
        "name": "",
        "version": 1,
        "created_at": "2026-01-31T12:00:00.000Z",
    }
    return _succeeds(world, "record_profiles", bus_event(message("user.registered", person)))


def _newcomer_is_told_of(world: World, _: Any) -> bool:
    event = a_confirmation(world)
    person_id = event["request"]["userAttributes"]["sub"]
    assert _succeeds(world, "post_confirmation", event)
    (told,) = [row for row in events_of(world.stack, person_id) if row["destination"] == "bus"]
    return bool(told["is_published"])


def _activity_is_read(world: World, _: Any) -> bool:
    return works(world.buyer.http.get("/me/activity"))


def _known_to_support(world: World) -> None:
    until(lambda: world.admin.http.get("/admin/activity", params={"email": world.buyer.email}).is_success)


def _person_is_found(world: World, _: Any) -> bool:
    return works(world.admin.http.get("/admin/activity", params={"email": world.buyer.email}))


# --- sockets ----------------------------------------------------------------------------------------------------------


def _abandoned(world: World) -> tuple[str, str]:
    """A person, and a connection of theirs whose end nobody told."""
    person_id, connection_id = str(uuid4()), uuid4().hex
    expires_at = int(time.time()) + connections.LIFETIME_SECONDS // 2
    by_itself = {"gsi1pk": connections.BY_ITSELF, "gsi1sk": connection_id, "person_id": person_id}
    for pk, sk, more in (
        (f"connection#{connection_id}", "connection", by_itself),
        (f"person#{person_id}", f"connection#{connection_id}", {}),
    ):
        item = {"pk": pk, "sk": sk, "expires_at": expires_at, **more}
        attributes = {name: _serialize(value) for name, value in item.items()}
        world.stack.client("dynamodb").put_item(TableName="marketplace-local", Item=attributes)
    return person_id, connection_id


def _is_forgotten(world: World, connection: tuple[str, str]) -> bool:
    key = {"pk": _serialize(f"connection#{connection[1]}"), "sk": _serialize("connection")}
    return "Item" not in world.stack.client("dynamodb").get_item(TableName="marketplace-local", Key=key)


def _forgets(function: str, event: Any) -> Need:
    """`function`, invoked with `event(person_id, connection_id)`, forgets a connection that has ended."""

    def is_met(world: World, _: Any) -> bool:
        connection = _abandoned(world)
        invoke(world.stack, function, event(*connection))
        return _is_forgotten(world, connection)

    return Need(is_met)


def _of_socket(route: str, body: str | None = None) -> Any:
    def event(_: str, connection_id: str) -> dict[str, Any]:
        context = {"connectionId": connection_id, "routeKey": route, "apiId": "marketplace-local-ws", "stage": "ws"}
        context |= {"domainName": "localhost", "requestId": "1", "eventType": "MESSAGE"}
        return {"requestContext": context, "body": body, "isBase64Encoded": False}

    return event


def _live(person_id: str, connection_id: str) -> Any:
    return stream_event(an_event(person_id))


def _activity_is_pushed(world: World, _: Any) -> bool:
    report, has_failed = invoke(world.stack, "push_activity", stream_event(an_event(world.buyer.id)))
    assert not has_failed, report
    return not report["batchItemFailures"]


def _activity_arrives(world: World, _: Any) -> bool:
    with socket_of(world.stack, world.buyer) as socket:
        item = an_event(world.buyer.id)
        invoke(world.stack, "push_activity", stream_event(item))
        return _first_kind(socket) == "order.confirmed"


def _socket_opens(world: World, _: Any) -> bool:
    try:
        with socket_of(world.stack, world.buyer):
            return True
    except InvalidStatus:
        return False


def _tells(*messages: dict[str, str]) -> Need:
    """The first frame after `messages` is no error."""

    def is_met(world: World, _: Any) -> bool:
        with socket_of(world.stack, world.api.person()) as socket:
            for each in messages:
                socket.send(**each)
            return _first_kind(socket) != "error"

    return Need(is_met)


def _is_answered(world: World, _: Any) -> bool:
    with socket_of(world.stack, world.buyer) as socket:
        socket.send(action="ping")
        return _first_kind(socket) == "pong"


def _first_kind(socket: Socket) -> str:
    try:
        return str(socket.receive(patience=PATIENCE)["type"])
    except (TimeoutError, ConnectionClosed):
        return "nothing"


# --- pictures ---------------------------------------------------------------------------------------------------------


def _seller(world: World) -> tuple[Actor, str]:
    seller = world.api.person()
    return seller, str(seller.product().json()["id"])


def _form(seller: Actor, product: str) -> dict[str, Any]:
    wanted = {"product_id": product, "content_type": "image/jpeg", "bytes": len(PICTURE)}
    form: dict[str, Any] = seller.http.post("/uploads", json=wanted, headers=a_key()).raise_for_status().json()
    return form


def _sent(form: dict[str, Any]) -> httpx.Response:
    return httpx.post(form["url"], data=form["fields"], files={"file": ("picture.jpg", PICTURE)}, timeout=30)


def _picture_is_taken(_: World, of_seller: tuple[Actor, str]) -> bool:
    answer = _sent(_form(*of_seller))
    assert answer.status_code in {204, 403}, answer.text
    return answer.status_code == 204


def _picture_is_published_and_its_file_removed(world: World, of_seller: tuple[Actor, str]) -> bool:
    form = _form(*of_seller)
    assert _sent(form).status_code == 204

    def is_done() -> bool:
        is_published = of_seller[0].http.get(f"/uploads/{form['id']}").json()["status"] == "published"
        return is_published and not _versions(world, form["fields"]["key"])

    return _within(PATIENCE, is_done)


def _versions(world: World, key: str) -> Any:
    bucket = world.stack.stacks.parameter("media/bucket-name")
    return world.stack.client("s3").list_object_versions(Bucket=bucket, Prefix=key).get("Versions")


def _published(world: World) -> tuple[Actor, str]:
    seller, product = _seller(world)
    form = _form(seller, product)
    assert _sent(form).status_code == 204
    until(lambda: seller.http.get(f"/uploads/{form['id']}").json()["status"] == "published")
    return seller, str(form["id"])


def _original_is_handed_out(_: World, of_seller: tuple[Actor, str]) -> bool:
    seller, upload_id = of_seller
    link = seller.http.get(f"/uploads/{upload_id}/original").raise_for_status().json()["url"]
    answer = httpx.get(link, timeout=60)
    assert answer.status_code in {200, 403}, answer.text
    return answer.status_code == 200


# --- assistant --------------------------------------------------------------------------------------------------------


def _question_is_answered(world: World, _: Any) -> bool:
    answer = world.api.person().http.post("/assistant/messages", json={"message": "What is there?"})
    if answer.status_code != 200:
        assert kind_of(answer, 503) in {"unavailable", "model-failed"}
    return answer.status_code == 200


def _conversation(world: World) -> tuple[Actor, str]:
    person = world.api.person()
    answer = person.http.post("/assistant/messages", json={"message": "What is there?"}).raise_for_status()
    return person, str(answer.json()["conversation_id"])


def _question_is_answered_on_a_socket(world: World, conversation: tuple[Actor, str]) -> bool:
    person, conversation_id = conversation
    with socket_of(world.stack, person) as socket:
        socket.send(action="ask", message="And what else?", conversation_id=conversation_id)
        kind = _first_kind(socket)
        while kind == "assistant.delta":
            kind = _first_kind(socket)
        return kind == "assistant.done"


def _answer_to_nobody(world: World, _: Any) -> bool:
    person_id, connection_id = _abandoned(world)
    answer_id = str(uuid4())
    turn = {"pk": f"connection#{connection_id}", "sk": "answer", "answer_id": answer_id, "state": "asked"}
    turn |= {"stop_requested": False, "expires_at": int(time.time()) + 600}
    attributes = {name: _serialize(value) for name, value in turn.items()}
    world.stack.client("dynamodb").put_item(TableName="marketplace-local", Item=attributes)
    asked = {"answer_id": answer_id, "connection_id": connection_id, "person_id": world.buyer.id, "groups": ["users"]}
    asked |= {"message": "What is there?", "conversation_id": None, "correlation_id": f"test-{uuid4().hex}"}
    invoke(world.stack, "answer_question", asked)
    return _is_forgotten(world, (person_id, connection_id))


def _products_are_read_for_their_meaning(world: World, _: Any) -> bool:
    """The embedding model is asked, which the laptop does not have."""
    with environment(world.stack, "index_products", ASSISTANT_EMBEDDING_MODEL_ID=EMBEDDING_MODEL):
        answer, has_failed = invoke(world.stack, "index_products", scheduled_event())
    return not has_failed or "embedding model" in json.dumps(answer)


_ON_A_SOCKET = Need(_question_is_answered_on_a_socket, _conversation)
_PUBLISHED = Need(_picture_is_published_and_its_file_removed, _seller)
_ASKED = _tells({"action": "ask", "message": "What is there?"})

NEEDS = {
    ("api_handler", "KeepTicketsAndConversations", "dynamodb:Query"): Need(_activity_is_read),
    ("api_handler", "KeepTicketsAndConversations", "dynamodb:GetItem"): Need(_question_is_answered),
    ("api_handler", "KeepTicketsAndConversations", "dynamodb:PutItem"): Need(
        lambda world, _: works(world.buyer.http.post("/realtime/tickets"))
    ),
    ("api_handler", "FindPeople", "dynamodb:Query"): Need(_person_is_found, _known_to_support),
    ("api_handler", "SignUploads", "s3:PutObject"): Need(_picture_is_taken, _seller),
    ("api_handler", "SignDownloads", "s3:GetObject"): Need(_original_is_handed_out, _published),
    ("api_handler", "AskModel", "bedrock:InvokeModel"): Need(_question_is_answered),
    ("api_handler", "AskModelOfProfile", "bedrock:InvokeModel"): Need(_question_is_answered),
    ("post_confirmation", "PutUserEvents", "events:PutEvents"): Need(_newcomer_is_told_of),
    ("publish_upload", "ReadOwnDatabaseSecret", "secretsmanager:GetSecretValue"): _PUBLISHED,
    ("publish_upload", "TakeIncomingFiles", "s3:GetObjectVersion"): _PUBLISHED,
    ("publish_upload", "TakeIncomingFiles", "s3:DeleteObjectVersion"): _PUBLISHED,
    ("publish_upload", "PublishPictures", "s3:PutObject"): _PUBLISHED,
    ("record_activity", "RecordActivity", "dynamodb:PutItem"): Need(_activity_is_recorded),
    ("record_profiles", "RecordProfiles", "dynamodb:PutItem"): Need(_profile_is_recorded),
    ("push_activity", "FindConnections", "dynamodb:Query"): Need(_activity_is_pushed),
    ("push_activity", "FindConnections", "dynamodb:DeleteItem"): _forgets("push_activity", _live),
    ("push_activity", "PushToSockets", "execute-api:ManageConnections"): Need(_activity_arrives),
    ("websocket_connect", "TakeTicketAndConnect", "dynamodb:DeleteItem"): Need(_socket_opens),
    ("websocket_connect", "TakeTicketAndConnect", "dynamodb:Query"): Need(_socket_opens),
    ("websocket_connect", "TakeTicketAndConnect", "dynamodb:PutItem"): Need(_socket_opens),
    ("websocket_disconnect", "ForgetConnection", "dynamodb:DeleteItem"): _forgets(
        "websocket_disconnect", _of_socket("$disconnect")
    ),
    ("websocket_message", "KeepQuestions", "dynamodb:GetItem"): _ASKED,
    ("websocket_message", "KeepQuestions", "dynamodb:PutItem"): _ASKED,
    ("websocket_message", "KeepQuestions", "dynamodb:UpdateItem"): _tells({"action": "stop"}, {"action": "ping"}),
    ("websocket_message", "KeepQuestions", "dynamodb:DeleteItem"): _forgets(
        "websocket_message", _of_socket("$default", '{"action": "ping"}')
    ),
    ("websocket_message", "AnswerSockets", "execute-api:ManageConnections"): Need(_is_answered),
    ("websocket_message", "CallAnswerQuestion", "lambda:InvokeFunction"): _ASKED,
    ("answer_question", "ReadOwnDatabaseSecret", "secretsmanager:GetSecretValue"): _ON_A_SOCKET,
    ("answer_question", "KeepConversations", "dynamodb:GetItem"): _ON_A_SOCKET,
    ("answer_question", "KeepConversations", "dynamodb:PutItem"): _ON_A_SOCKET,
    ("answer_question", "KeepConversations", "dynamodb:UpdateItem"): _ON_A_SOCKET,
    ("answer_question", "KeepConversations", "dynamodb:Query"): _ON_A_SOCKET,
    ("answer_question", "KeepConversations", "dynamodb:DeleteItem"): Need(_answer_to_nobody),
    ("answer_question", "AnswerSockets", "execute-api:ManageConnections"): _ON_A_SOCKET,
    ("answer_question", "AskModel", "bedrock:InvokeModelWithResponseStream"): _ON_A_SOCKET,
    ("answer_question", "AskModelOfProfile", "bedrock:InvokeModelWithResponseStream"): _ON_A_SOCKET,
    ("sweep_connections", "ListConnections", "dynamodb:Query"): Need(
        lambda world, _: _succeeds(world, "sweep_connections", scheduled_event())
    ),
    ("sweep_connections", "ForgetConnections", "dynamodb:DeleteItem"): _forgets(
        "sweep_connections", lambda *_: scheduled_event()
    ),
    ("sweep_connections", "AskForSockets", "execute-api:ManageConnections"): _forgets(
        "sweep_connections", lambda *_: scheduled_event()
    ),
    ("index_products", "ReadOwnDatabaseSecret", "secretsmanager:GetSecretValue"): Need(
        _products_are_read_for_their_meaning
    ),
}
"""By function, statement and action: what shows that the function needs it."""
