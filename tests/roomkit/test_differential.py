"""The same random history on both stores, in two schemas: equal answers, equal errors, equal tables."""

import asyncio
import ctypes
import itertools
import json
import os
from datetime import UTC, datetime
from unittest.mock import ANY

import asyncpg
import pytest
from histories import History
from pydantic import BaseModel
from roomkit.core.exceptions import AddressLinkedError, IdempotencyKeyTakenError
from roomkit.models.task import Observation
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore

CALLS = int(os.environ.get("STATEKEEP_DIFFERENTIAL_CALLS", "20000"))
SEEDS = [1, 2]
TABLES = {
    "rooms": "id", "events": "id", "event_sequences": "room_id", "bindings": "room_id, channel_id",
    "participants": "room_id, id", "identities": "id", "identity_addresses": "organization_id, channel_type, address",
    "tasks": "id", "observations": "id", "read_markers": "room_id, channel_id",
    "verifications": "identity_id, organization_id", "verification_requests": "id",
    "voice_deliveries": "room_id, key_hash", "private_state": "room_id, key",
}  # fmt: skip


# Fields that theirs leaves unset where ours sets them: it has no column for them, and the outcome of a voice delivery
# that is taken over is as its caller built it.
KEPT = {"candidates", "phone", "external_id", "external_ids", "outcome"}


# What is refused for two reasons: theirs and ours look at them in another order.
ID_HELD = (asyncpg.UniqueViolationError, None, "23505", "events_pkey")
INDEX_HELD = (asyncpg.UniqueViolationError, None, "23505", "idx_events_room_index")
ROOM_MISSING = (asyncpg.ForeignKeyViolationError, None, "23503", "event_sequences_room_id_fkey")
KEY_TAKEN = (IdempotencyKeyTakenError, ANY, None, None)
EITHER = [(ID_HELD, ROOM_MISSING), (KEY_TAKEN, INDEX_HELD)]  # ours, theirs


class Compared:
    """Answers as plain values in which "now" stands for any time since the run began."""

    def __init__(self):
        self.begun = datetime.now(UTC)

    def value(self, value):
        if isinstance(value, BaseModel):
            fields = {name: self.value(getattr(value, name)) for name in type(value).model_fields}
            if isinstance(value, Observation):  # a float4 column: theirs reads 0.1 back as 0.10000000149011612
                fields["confidence"] = ctypes.c_float(value.confidence).value
            return type(value).__name__, fields, sorted(value.model_fields_set - KEPT)
        if isinstance(value, dict):
            return {name: self.value(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if isinstance(value, Exception):
            return self.error(value)
        if isinstance(value, datetime):
            assert value.tzinfo is UTC
            return "now" if value >= self.begun else value
        return value

    def error(self, error):
        if isinstance(error, asyncpg.DataError):  # theirs may be refused before it is sent, without the server's code
            return "raised", asyncpg.DataError
        # Servers word things in their own language; of two linked addresses either may be named.
        said = None if isinstance(error, (asyncpg.PostgresError, AddressLinkedError)) else str(error)
        return "raised", type(error), said, *(getattr(error, name, None) for name in ("sqlstate", "constraint_name"))

    async def outcome(self, call, store):
        try:
            return "gave", self.value(await call(store))
        except Exception as error:
            return self.error(error)

    def column(self, value):
        if isinstance(value, dict) and "last_activity_at" in value and value["last_activity_at"]:
            value = {**value, "last_activity_at": datetime.fromisoformat(value["last_activity_at"])}
        return self.value(value)


def digits(text):
    """A document with its fractions as they are written: every digit counts."""
    return json.loads(text, parse_float=str)


async def tables(connection, schema, compared, columns):
    """{table: rows}, only those columns of a table that the peer's has."""
    content = {}
    for table, key in TABLES.items():
        rows = await connection.fetch(f"select {columns[table]} from {schema}.{table} order by {key}")
        content[table] = [{name: compared.column(value) for name, value in row.items()} for row in rows]
    return content


async def peers_columns(connection, schema):
    named = await connection.fetch(
        "select table_name, string_agg(quote_ident(column_name), ', ' order by column_name) as columns"
        " from information_schema.columns where table_schema = $1 group by table_name",
        schema,
    )
    return {row["table_name"]: row["columns"] for row in named}


async def run(url, seed, calls):
    connection = await asyncpg.connect(url)
    await connection.set_type_codec("jsonb", encoder=str, decoder=digits, schema="pg_catalog")
    await connection.execute("create schema theirs; create schema ours")
    compared = Compared()
    async with TheirStore(f"{url}?search_path=theirs") as theirs, PostgresStore(f"{url}?search_path=ours") as ours:
        ours.travels_together = True
        for number, (name, call) in enumerate(itertools.islice(History(seed), calls)):
            expected = await compared.outcome(call, theirs)
            given = await compared.outcome(call, ours)
            if (given[1:], expected[1:]) in EITHER:
                continue
            assert given == expected, f"call {number} of seed {seed}: {name}\nours:   {given}\ntheirs: {expected}"
        columns = await peers_columns(connection, "theirs")
        expected = await tables(connection, "theirs", compared, columns)
        given = await tables(connection, "ours", compared, columns)
    for table in TABLES:
        assert given[table] == expected[table], table
        assert expected[table], f"the history left nothing in {table}"
    await connection.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_leaves_both_stores_equal(server, database, seed):
    asyncio.run(run(server.url(database), seed, CALLS // len(SEEDS)))
