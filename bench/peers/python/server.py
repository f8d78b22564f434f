"""A TokenService that keeps one token in memory, as a team would write it with grpc.aio.

python3 server.py STUBS_DIR TOKEN_BYTES
"""

import asyncio
import json
import sys

import grpc

sys.path.insert(0, sys.argv[1])
from token_stubs import token_service_pb2 as messages  # noqa: E402
from token_stubs import token_service_pb2_grpc as stubs  # noqa: E402


class TokenService(stubs.TokenServiceServicer):
    def __init__(self, token):
        self.token = token

    async def GetAccessToken(self, request, context):
        response = messages.GetAccessTokenResponse(
            access_token=self.token, token_type="Bearer", credential=request.credential or "default", generation=1)
        response.expires_in.FromNanoseconds(3_599_123_456_789)
        response.expire_time.FromNanoseconds(1_700_000_000_123_456_789)
        return response


async def main():
    server = grpc.aio.server()
    stubs.add_TokenServiceServicer_to_server(TokenService("x" * int(sys.argv[2])), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"event": "serving", "address": f"127.0.0.1:{port}"}), file=sys.stderr, flush=True)
    await server.wait_for_termination()


asyncio.run(main())
