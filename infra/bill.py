"""What a stage costs in a month, item by item.

Prices are in `infra/prices.toml`, a guess at the work in `infra/workload.toml`, memory in `.chalice/config.json`.
Amounts are in US dollars, rates in HTTP requests a second, all month long.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent

_HOURS = 730
_SECONDS = _HOURS * 3600
_MILLION = 1e6
_GIGABYTE = 1e9
_FIRST_REQUESTS = 300e6
_LEAST_PROXY_ACU = 8
_LEAST_CACHE_GIGABYTES = 0.1
_KEPT_SIZE = 0.15  # what compression leaves of a log

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Inputs:
    """The files that the arithmetic starts from; memory in megabytes by function."""

    prices: Mapping[str, Any]
    load: Mapping[str, Figures]
    stages: Mapping[str, Figures]
    memory: Mapping[str, int]

    def price(self, name: str) -> float:
        """Dollars for one unit of the table, or a `KeyError`."""
        return float(self.prices["prices"][name]["usd"])


def read(project: Path = PROJECT) -> Inputs:
    """The project's own files."""
    prices, load = (tomllib.loads((project / "infra" / f"{name}.toml").read_text()) for name in ("prices", "workload"))
    functions = json.loads((project / ".chalice" / "config.json").read_text())["lambda_functions"]
    stages = load.pop("stages")
    return Inputs(prices, load, stages, {name: each["lambda_memory_size"] for name, each in functions.items()})


class Month:
    """A month of one stage at a steady rate."""

    def __init__(self, inputs: Inputs, stage: str, rate: float) -> None:
        self._price = inputs.price
        self._memory = inputs.memory
        self._load = inputs.load
        self._stage = inputs.stages[stage]
        self._is_busy = rate > 0
        self._rate = rate
        self.requests = rate * _SECONDS
        per = inputs.load["per_request"]
        self.orders = self.requests * per["orders"]
        self.connections = self.requests * per["connections"]
        self.questions = self.requests * per["questions"]
        self.uploads = self.requests * per["uploads"]

    def bill(self) -> dict[str, float]:
        """Dollars by what they are for."""
        return {
            "Functions": self.functions(),
            "APIs": self.apis(),
            "Edge": self.edge(),
            "Database": self.database(),
            "Proxy": self.proxy(),
            "Cache": self.cache(),
            "Table": self.table(),
            "Queues, topics, mail": self.messages(),
            "Network": self.network(),
            "Logs, metrics, traces": self.observation(),
            "Keys and secrets": self.keys(),
            "Assistant's model": self.model(),
        }  # fmt: skip

    def calls(self) -> dict[str, float]:
        """How often each function is called: once for each message, as when there is little to do."""
        order, connection = self._load["per_order"], self._load["per_connection"]
        return {
            "api_handler": self.requests,
            "fulfil_orders": self.orders,
            "send_emails": self.orders * order["emails"],
            "send_pushes": self.orders * order["pushes"],
            "rank_bestsellers": self.orders * order["events"],
            "record_activity": self.orders * order["events"],
            "push_activity": self.orders * order["events"],
            "websocket_connect": self.connections,
            "websocket_message": self.connections * connection["messages"],
            "websocket_disconnect": self.connections,
            "publish_upload": self.uploads,
            "answer_question": self.questions,
            "relay_outbox": _HOURS * 60,
            "expire_orders": _HOURS * 12,
            "index_products": _HOURS * 12,
            "sweep_connections": _HOURS * 4,
        }

    def functions(self) -> float:
        """Memory held for as long as each function runs, and calls."""
        calls = self.calls()
        seconds = {name: number * self._load["milliseconds"][name] / 1000 for name, number in calls.items()}
        held = sum(seconds[name] * self._memory[name] / 1024 for name in calls)
        return held * self._price("lambda_gb_second") + sum(calls.values()) / _MILLION * self._price("lambda_requests")

    def apis(self) -> float:
        """Requests, messages of sockets, and the minutes that these are open."""
        connection = self._load["per_connection"]
        beyond = max(0.0, self.requests - _FIRST_REQUESTS)
        return (
            (self.requests - beyond) / _MILLION * self._price("http_requests")
            + beyond / _MILLION * self._price("http_requests_beyond")
            + self.connections * connection["messages"] / _MILLION * self._price("socket_messages")
            + self.connections * connection["minutes"] / _MILLION * self._price("socket_minutes")
        )

    def edge(self) -> float:
        """Answers and pictures on their way to people, and the firewall that looks at each request."""
        per = self._load["per_request"]
        gigabytes = self.requests * (per["response_kb"] + per["picture_kb"]) * 1000 / _GIGABYTE
        if not self._stage["has_edge"]:
            return gigabytes * self._price("internet_gb")
        return (
            self._price("waf_acl")
            + self._load["observation"]["firewall_rules"] * self._price("waf_rule")
            + self._price("health_check")
            + self.requests / _MILLION * (self._price("cloudfront_requests") + self._price("waf_requests"))
            + gigabytes * self._price("cloudfront_gb")
        )

    def capacity(self) -> float:
        """ACU of one instance."""
        database, stage = self._load["database"], self._stage
        wanted = self._rate / database["requests_per_acu"]
        return min(max(wanted, stage["least_acu"], database["awake_acu"]), stage["most_acu"])

    def database(self) -> float:
        """Capacity of all instances, storage, and what is read from it and written to it."""
        per, database = self._load["per_request"], self._load["database"]
        return (
            self._stage["instances"] * self.capacity() * _HOURS * self._price("acu_hour")
            + database["gigabytes"] * self._price("aurora_gb")
            + self.requests * per["storage_io"] / _MILLION * self._price("aurora_io")
        )

    def proxy(self) -> float:
        """By the capacity that it stands before."""
        behind = max(self._stage["instances"] * self.capacity(), _LEAST_PROXY_ACU)
        return behind * _HOURS * self._price("proxy_acu_hour") if self._stage["has_proxy"] else 0.0

    def cache(self) -> float:
        """What it holds, and what is done with it."""
        held = min(
            max(self._rate * self._load["cache"]["gigabytes"], _LEAST_CACHE_GIGABYTES), self._stage["cache_gigabytes"]
        )
        units = self.requests * self._load["per_request"]["cache_units"]
        return held * _HOURS * self._price("cache_gb_hour") + units / _MILLION * self._price("cache_units")

    def table(self) -> float:
        """Writes of orders and sockets, reads of activity, and three months of what orders leave."""
        order, connection = self._load["per_order"], self._load["per_connection"]
        writes = self.orders * order["table_writes"] + self.connections * connection["table_writes"]
        reads = self.requests * self._load["per_request"]["activity_reads"] * 2
        kept = self.orders * order["table_kb"] * 1000 * 3 / _GIGABYTE
        return (
            writes / _MILLION * self._price("table_writes")
            + reads / _MILLION * self._price("table_reads")
            + kept * self._price("table_gb")
        )

    def messages(self) -> float:
        """Sending, receiving and deleting, the asking of queues that are empty, events, and e-mails."""
        order = self._load["per_order"]
        polls = self._load["observation"]["polls_per_queue"]
        plain = self.orders * 3 * (order["emails"] + order["pushes"]) + 2 * polls
        return (
            (self.orders * 3 + polls) / _MILLION * self._price("fifo_requests")
            + plain / _MILLION * self._price("queue_requests")
            + self.orders * order["events"] / _MILLION * (self._price("topic_messages") + self._price("bus_events"))
            + self.orders * order["emails"] / _MILLION * self._price("emails")
        )

    def network(self) -> float:
        """Gateways and endpoints by the hour, and what goes through endpoints: a few kilobytes for each order."""
        gateway = self._price("nat_hour") + self._price("address_hour")
        through = self.orders * 10_000 / _GIGABYTE
        hours = self._stage["nat_gateways"] * gateway + self._stage["endpoints"] * self._price("endpoint_hour")
        return hours * _HOURS + through * self._price("endpoint_gb")

    def observation(self) -> float:
        """Logs written and kept, metrics, alarms of everything, dashboards, and the traces that are sampled."""
        seen = self._load["observation"]
        metrics = (
            seen["metrics"] + seen["routes"] * seen["metrics_per_route"] if self._is_busy else seen["metrics_idle"]
        )
        alarms = self._stage["alarms_per_function"] * len(self._memory) + seen["alarms_beside_functions"]
        traces = min(self._rate, 1) * _SECONDS + max(self._rate - 1, 0) * _SECONDS * seen["traced"]
        kept = self._price("log_gb_kept") * _KEPT_SIZE * self._stage["log_days"] / 30
        return (
            self.logged() * (self._price("log_gb") + kept)
            + metrics * self._price("metric")
            + alarms * self._price("alarm")
            + seen["dashboards"] * self._price("dashboard")
            + traces / _MILLION * self._price("traces")
        )

    def logged(self) -> float:
        """Gigabytes of logs; a schedule that runs writes a kilobyte."""
        per = self._load["per_request"]
        written = self.requests * (per["api_log_bytes"] + per["flow_log_bytes"])
        written += self.orders * self._load["per_order"]["log_bytes"]
        written += self.connections * self._load["per_connection"]["log_bytes"]
        return (written + _HOURS * 88 * 1000) / _GIGABYTE

    def keys(self) -> float:
        """Keys of the stage's own, and passwords."""
        return self._stage["keys"] * self._price("key") + self._stage["secrets"] * self._price("secret")

    def model(self) -> float:
        """What it reads and writes."""
        question = self._load["per_question"]
        read, written = (question[name] * self._price(name) / _MILLION for name in ("tokens_read", "tokens_written"))
        return self.questions * (read + written)
