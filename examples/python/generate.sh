#!/bin/sh
# The stubs, into the package token_stubs. By their own path they would be `token`, which hides Python's module.
set -e
cd "$(dirname "$0")"
mkdir -p token_stubs
python3 -m grpc_tools.protoc -Itoken_stubs="${1:-../../proto}/token/v1" --python_out=. --grpc_python_out=. \
  token_stubs/token_service.proto
