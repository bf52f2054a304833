"""RoomKit's models as JSON documents and back.

The operations take and give documents in the models' own shape, so pydantic's core reads a page of rows in one call,
without a Python dict in between, and writes a model in one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaSerializer, to_json
from roomkit.models.channel import ChannelBinding
from roomkit.models.event import RoomEvent, ThreadSummary
from roomkit.models.identity import Identity
from roomkit.models.participant import Participant
from roomkit.models.room import Room
from roomkit.models.store_filter import EventFilter
from roomkit.models.task import Observation, Task
from roomkit.models.verification import Verification, VerificationRequest
from roomkit.models.voice_delivery import VoiceDeliveryRecord

from .errors import unwritable

M = TypeVar("M", bound=BaseModel)

# A model's own writer turns NaN and infinity into null, which would be stored; spelt out, jsonb refuses them.
_SPELL_NUMBERS = {"ser_json_inf_nan": "constants"}


class Documents(Generic[M]):
    """The documents of one model: a row of the database, or an argument of an operation."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._read_one = model.__pydantic_validator__.validate_json
        self._read_many = TypeAdapter(list[model]).validator.validate_json  # type: ignore[valid-type]
        self._write = SchemaSerializer(model.__pydantic_core_schema__, _SPELL_NUMBERS).to_json  # type: ignore[arg-type]

    def one(self, text: str) -> M | None:
        """The model of a document, or None for null. Raises pydantic's ValidationError."""
        if text == "null":
            return None
        try:
            return self._read_one(text)  # type: ignore[no-any-return]
        except ValidationError:
            return self._model.model_validate(json.loads(text))

    def many(self, text: str) -> list[M]:
        """The models of a list of documents. Raises pydantic's ValidationError for the first that is none."""
        try:
            return self._read_many(text)  # type: ignore[no-any-return]
        except ValidationError:
            # Nested deeper than pydantic's parser goes, or what the error below says of the one row.
            return [self._model.model_validate(document) for document in json.loads(text)]

    def text(self, model: M) -> bytes:
        """The document of a model, with every field.

        A model may have been changed since it was validated. What still fits is written, an enum's member given as its
        string for one; what does not raises pydantic's ValidationError, lest it be stored and no one could read the row.
        Raises what the driver raises for a value that is no JSON.
        """
        try:
            return self._write(model, warnings="error")
        except PydanticSerializationError:
            text = _written_deep(dict(model))
            self._model.model_validate(json.loads(text))
            return text


def document(value: Any) -> bytes:
    """A JSON document of plain values; what pydantic can write (datetimes, sets, models) is taken as well."""
    try:
        return to_json(value, inf_nan_mode="constants")
    except PydanticSerializationError:
        return _written_deep(value)


def mapping(value: dict[str, Any]) -> bytes:
    """A JSON document that must be an object, since a column that holds another could not be read again."""
    text = document(value)
    if not text.startswith(b"{"):
        raise unwritable(TypeError(f"a dict expected, got {type(value).__name__}"))
    return text


def words(values: Iterable[str]) -> bytes:
    """A list of texts, as a JSON array."""
    try:
        return to_json(list(values))
    except PydanticSerializationError as error:
        raise unwritable(error) from error


def _written_deep(value: Any) -> bytes:
    """For what is nested deeper than pydantic writes. Raises the driver's error for what is no JSON at all."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise unwritable(error) from error


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, BaseModel) else json.loads(to_json(value))


ROOM = Documents(Room)
EVENT = Documents(RoomEvent)
FILTER = Documents(EventFilter)
THREAD = Documents(ThreadSummary)
BINDING = Documents(ChannelBinding)
PARTICIPANT = Documents(Participant)
IDENTITY = Documents(Identity)
VERIFICATION = Documents(Verification)
REQUEST = Documents(VerificationRequest)
TASK = Documents(Task)
OBSERVATION = Documents(Observation)
DELIVERY = Documents(VoiceDeliveryRecord)
