"""GatheRing's memories: stored with an embedding, found by likeness.

The operations are the store's own, ``store.memory.…`` in every language; here they are asked for by texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import errors
from ..operations import call
from .aio import AsyncDatabase
from .embeddings import EmbeddingService
from .failures import failure
from .service import AsyncDatabaseService

__all__ = ["EmbeddingService", "search_similar_memories", "store_memory"]

_service: EmbeddingService | None = None


def _embeddings(given: EmbeddingService | None) -> EmbeddingService:
    """The service that is given, else one for the process, which remembers what was asked before."""
    global _service
    if given is not None:
        return given
    if _service is None or _service.function is not EmbeddingService.function:
        _service = EmbeddingService()
    return _service


async def _database(given: AsyncDatabase | None) -> AsyncDatabase:
    if given is not None:
        return given
    service = AsyncDatabaseService.get_instance()
    if service.db.closed:
        await service.initialize()
    return service.db


async def _ask(db: AsyncDatabase, op: str, arguments: dict[str, Any]) -> Any:
    try:
        return await call(db._engine.calls, op, arguments, None, False)
    except errors.Error as error:
        raise failure(error) from error


async def search_similar_memories(
    query: str | None = None,
    agent_id: int | None = None,
    limit: int = 10,
    threshold: float | None = 0.7,
    *,
    embedding: Sequence[float] | None = None,
    scope: str | None = None,
    memory_type: str | None = None,
    tags: Sequence[str] | None = None,
    db: AsyncDatabase | None = None,
    embeddings: EmbeddingService | None = None,
) -> list[dict[str, Any]]:
    """The memories most like a text or an embedding, most similar first.

    Args:
        query: turned into an embedding by `embeddings`; or else give the `embedding`.
        threshold: the least similarity, 1 minus the cosine distance; None: all.
        db: the database; without one that of AsyncDatabaseService.get_instance(), opened when it is not.

    Gives dicts of id, key, value, agent_id, scope, scope_id, memory_type, tags, importance, metadata, created_at and
    similarity. Memories that were deleted or are past their expiry are not found. Raises ValueError without anything to
    search for.
    """
    if embedding is None:
        if query is None:
            raise ValueError("search_similar_memories needs a query or an embedding")
        embedding = await _embeddings(embeddings).create_embedding(query)
    found: list[dict[str, Any]] = await _ask(
        await _database(db),
        "memory.search",
        {
            "embedding": list(embedding),
            "agent_id": agent_id,
            "scope": scope,
            "types": None if memory_type is None else [memory_type],
            "tags": None if tags is None else list(tags),
            "limit": limit,
            "threshold": threshold,
        },
    )
    return found


async def store_memory(
    key: str,
    value: str,
    agent_id: int | None = None,
    *,
    embedding: Sequence[float] | None = None,
    db: AsyncDatabase | None = None,
    embeddings: EmbeddingService | None = None,
    **more: Any,
) -> int:
    """Stores a memory with the embedding of its value, or with the one given; its id. `more` are further arguments of
    the operation memory.store: scope, memory_type, tags, importance, metadata, expires_at, …"""
    if embedding is None:
        embedding = await _embeddings(embeddings).create_embedding(value)
    arguments = {"key": key, "value": value, "agent_id": agent_id, "embedding": list(embedding), **more}
    stored: int = await _ask(await _database(db), "memory.store", arguments)
    return stored
