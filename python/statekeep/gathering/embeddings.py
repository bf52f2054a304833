"""Embeddings of texts: by a function of the caller's, or from an endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import os
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .exceptions import ConfigurationError, ConnectionError

Embedding = list[float]
Function = Callable[[list[str]], Sequence[Sequence[float]] | Awaitable[Sequence[Sequence[float]]]]

DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_OPENAI = "https://api.openai.com/v1"
_TOO_MANY = 429


class EmbeddingService:
    """Turns texts into embeddings, and remembers the last ones.

    Args:
        function: takes texts and gives as many embeddings; plain or a coroutine function. Without one the endpoint is
            asked; ``EmbeddingService.function = …`` sets one for all services that get none.
        api_key, base_url, model: of the endpoint; OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_EMBEDDING_MODEL without.
        timeout: seconds for one request. max_retries: for requests that are refused for now, with growing pauses.
        cache_size: how many embeddings are remembered.
    """

    function: Function | None = None

    def __init__(
        self,
        function: Function | None = None,
        *,
        api_key: str | None = None,
        model: str | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 3,
        cache_size: int = 2000,
    ) -> None:
        if function is not None:
            self.function = function
        elif type(self).function is not None:
            self.function = type(self).function
        self.model = model or os.environ.get("OPENAI_EMBEDDING_MODEL") or "text-embedding-3-small"
        self.base_url = (base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI).rstrip("/")
        self.timeout = timeout
        self.max_retries = max_retries
        self._api_key = api_key or os.environ.get("OPENAI_API_KEY")
        self._cache: OrderedDict[str, Embedding] = OrderedDict()
        self._cache_size = cache_size
        self._hits = self._misses = 0

    @property
    def dimension(self) -> int:
        """Of the model's embeddings; 1536 for models that are not known."""
        return DIMENSIONS.get(self.model, 1536)

    async def create_embedding(self, text: str) -> Embedding:
        """The embedding of a text."""
        return (await self.create_embeddings([text]))[0]

    async def create_embeddings(self, texts: Sequence[str]) -> list[Embedding]:
        """The embeddings of texts, asked for together.

        Raises:
            ConfigurationError: there is neither a function nor a key.
            ConnectionError: the endpoint refuses, or cannot be reached.
        """
        keys = [hashlib.sha256(f"{self.model}:{text}".encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts) if key not in self._cache}
        found = {key: self._cache[key] for key in keys if key not in missing}  # others may push it out meanwhile
        self._misses += len(missing)
        self._hits += len(keys) - len(missing)
        if missing:
            found |= zip(missing, await self._ask(list(missing.values())))
        embeddings = [found[key] for key in keys]
        for key in keys:
            self._cache[key] = found[key]
            self._cache.move_to_end(key)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return embeddings

    embed = create_embedding
    embed_batch = create_embeddings

    def clear_cache(self) -> int:
        """Forgets all embeddings; how many."""
        count = len(self._cache)
        self._cache.clear()
        return count

    def cache_stats(self) -> dict[str, int]:
        """size, max_size, hits, misses."""
        return {"size": len(self._cache), "max_size": self._cache_size, "hits": self._hits, "misses": self._misses}

    async def _ask(self, texts: list[str]) -> list[Embedding]:
        if self.function is not None:
            given = self.function(texts)
            embeddings = await given if inspect.isawaitable(given) else given
        else:
            embeddings = await self._ask_endpoint(texts)
        if len(embeddings) != len(texts):
            raise ConfigurationError(f"{len(texts)} embeddings were asked for, {len(embeddings)} came")
        return [[float(number) for number in embedding] for embedding in embeddings]

    async def _ask_endpoint(self, texts: list[str]) -> list[Embedding]:
        if self._api_key is None and self.base_url == _OPENAI:
            raise ConfigurationError(
                "embeddings need a function, or OPENAI_API_KEY, or the base_url of another endpoint"
            )
        for attempt in range(self.max_retries + 1):
            try:
                return await asyncio.to_thread(self._request, texts)
            except urllib.error.HTTPError as error:
                if (error.code != _TOO_MANY and error.code < 500) or attempt == self.max_retries:
                    raise ConnectionError(f"the endpoint of embeddings refuses: {error.code} {error.reason}") from error
                await asyncio.sleep(2**attempt)
            except OSError as error:
                if attempt == self.max_retries:
                    raise ConnectionError(f"the endpoint of embeddings cannot be reached: {error}") from error
                await asyncio.sleep(1)
        raise AssertionError

    def _request(self, texts: list[str]) -> list[Embedding]:
        headers = {"Content-Type": "application/json"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key}"
        body = json.dumps({"model": self.model, "input": texts}).encode()
        request = urllib.request.Request(f"{self.base_url}/embeddings", body, headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            answer: dict[str, Any] = json.load(response)
        return [one["embedding"] for one in sorted(answer["data"], key=lambda one: one["index"])]
