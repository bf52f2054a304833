"""On tables that RoomKit made: what they have no columns for is not stored, until `setup_extras()` makes them."""

import asyncio

from roomkit.models.identity import Identity
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.store.postgres import PostgresStore as TheirStore
from statekeep.roomkit import PostgresStore


async def scenario(url):
    async with TheirStore(url) as theirs:
        await theirs.create_room(Room(id="room"))
    identity = Identity(
        id="before", phone="+1", external_id="x", external_ids={"crm": "7"}, channel_addresses={"sms": ["+1"]}
    )
    participant = Participant(room_id="room", id="before", channel_id="sms", candidates=["a"])
    narrowed = {"phone": None, "external_id": None, "external_ids": {}}
    async with PostgresStore(url) as ours:
        await ours.create_identity(identity)
        await ours.add_participant(participant)
        assert await ours.get_identity("before") == identity.model_copy(update=narrowed)
        assert await ours.resolve_identity("sms", "+1") == identity.model_copy(update=narrowed)
        assert await ours.get_participant("room", "before") == participant.model_copy(update={"candidates": None})
        await ours.setup_extras()
        identity = identity.model_copy(update={"id": "after", "channel_addresses": {}})
        participant = participant.model_copy(update={"id": "after"})
        await ours.create_identity(identity)
        await ours.add_participant(participant)
        assert await ours.get_identity("after") == identity
        assert await ours.get_participant("room", "after") == participant
    async with TheirStore(url) as theirs:
        assert await theirs.get_identity("after") == identity.model_copy(update=narrowed)


def test_what_has_no_column_is_left_out(server, database):
    asyncio.run(scenario(server.url(database)))
