"""Identities across channels, and their verification."""

from __future__ import annotations

import json
from functools import partial

from roomkit.core.exceptions import IdentityNotFoundError
from roomkit.models.identity import Identity
from roomkit.models.verification import Verification, VerificationRequest
from roomkit.store.base import address_linked

from .calls import Calls
from .errors import refuses_address
from .models import IDENTITY, REQUEST, VERIFICATION


class People(Calls):
    async def create_identity(self, identity: Identity) -> Identity:
        create = partial(
            self._ask,
            "create_identity",
            "identities",
            "room.create_identity_narrow",
            identity.id,
            IDENTITY.text(identity),
        )
        try:
            linked = json.loads(await create())
        except Exception as error:
            if not refuses_address(error):
                raise
            linked = json.loads(await create())  # who took the address meanwhile is there to be seen now
        if linked is not None:
            raise address_linked(linked)
        return identity

    async def get_identity(self, identity_id: str) -> Identity | None:
        return IDENTITY.one(await self._ask("get_identity", "identities", "room.get_identity", identity_id))

    async def resolve_identity(
        self, channel_type: str, address: str, organization_id: str | None = None
    ) -> Identity | None:
        return IDENTITY.one(
            await self._ask(
                "resolve_identity", "identities", "room.resolve_identity", channel_type, address, organization_id
            )
        )

    async def link_address(
        self, identity_id: str, channel_type: str, address: str, organization_id: str | None = None
    ) -> None:
        linked = await self._ask(
            "link_address",
            "identities",
            "room.link_address",
            identity_id,
            channel_type,
            address,
            organization_id,
            refused=partial(_identity_not_found, identity_id),
        )
        if linked == "false":
            raise address_linked(channel_type)

    async def unlink_address(
        self, identity_id: str, channel_type: str, address: str, organization_id: str | None = None
    ) -> None:
        await self._ask(
            "unlink_address",
            "identities",
            "room.unlink_address",
            identity_id,
            channel_type,
            address,
            organization_id,
            refused=partial(_identity_not_found, identity_id),
        )

    async def get_verification(self, identity_id: str, organization_id: str | None = None) -> Verification | None:
        return VERIFICATION.one(
            await self._ask("get_verification", "verifications", "room.get_verification", identity_id, organization_id)
        )

    async def put_verification(self, verification: Verification) -> Verification:
        await self._ask(
            "put_verification",
            "verifications",
            "room.put_verification",
            verification.identity_id,
            VERIFICATION.text(verification),
        )
        return verification

    async def list_verifications_in_force(self) -> list[Verification]:
        return VERIFICATION.many(
            await self._ask("list_verifications_in_force", "verifications", "room.list_verifications_in_force")
        )

    async def create_verification_request(self, request: VerificationRequest) -> VerificationRequest:
        return await self._put_request("create_verification_request", request)

    async def update_verification_request(self, request: VerificationRequest) -> VerificationRequest:
        return await self._put_request("update_verification_request", request)

    async def _put_request(self, method: str, request: VerificationRequest) -> VerificationRequest:
        await self._ask(method, "verification_requests", f"room.{method}", request.id, REQUEST.text(request))
        return request

    async def get_verification_request(self, request_id: str) -> VerificationRequest | None:
        return REQUEST.one(
            await self._ask(
                "get_verification_request", "verification_requests", "room.get_verification_request", request_id
            )
        )


def _identity_not_found(identity_id: str) -> IdentityNotFoundError:
    return IdentityNotFoundError(f"Identity {identity_id} not found")
