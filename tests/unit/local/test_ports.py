"""Choosing and holding ports."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from local.ports import bind, reserve
from local.progress import Problem


def listening(address: str = "127.0.0.1") -> socket.socket:
    return socket.create_server((address, 0))


def test_busy_port_is_told_with_its_owner_and_a_way_out() -> None:
    with listening() as other:
        port = other.getsockname()[1]
        with pytest.raises(Problem) as busy:
            bind(port, "Valkey", "--valkey-port")

    assert f"Port {port} is in use by process {os.getpid()}" in busy.value.what
    assert "--valkey-port" in busy.value.advice


def test_port_that_is_taken_on_every_address_is_busy_too() -> None:
    with listening("0.0.0.0") as other, pytest.raises(Problem):  # noqa: S104 - that is the point
        bind(other.getsockname()[1], "Valkey", "--valkey-port")


def test_remembered_port_is_taken_again_when_any_will_do() -> None:
    with listening() as other:
        remembered = other.getsockname()[1]

    with reserve(0, remembered, "Valkey", "--valkey-port") as held:
        assert held.getsockname() == ("127.0.0.1", remembered)


def test_remembered_port_that_is_busy_is_replaced() -> None:
    with listening() as other, reserve(0, other.getsockname()[1], "Valkey", "--valkey-port") as held:
        assert held.getsockname()[1] != other.getsockname()[1]


def test_answers_on_a_reserved_port_are_not_held_back_by_nagle() -> None:
    async def no_delay(held: socket.socket) -> int:
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            answered.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=held):
            _, writer = await asyncio.open_connection(*held.getsockname())
            writer.close()
            return await answered

    with reserve(0, 0, "the front door", "--port") as held:
        assert asyncio.run(no_delay(held)) != 0
