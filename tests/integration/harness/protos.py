"""Message classes straight from the .proto files: no generated modules, whose names would hide `token` and `grpc`."""

import functools
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .tools import ROOT, missing, need


@functools.lru_cache(maxsize=None)
def _pool() -> descriptor_pool.DescriptorPool:
    protoc = need("protoc", "package protobuf-compiler")
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(
            [protoc, f"-I{ROOT / 'proto'}", "-I/usr/include", "--include_imports",
             f"--descriptor_set_out={out.name}", "token/v1/token_service.proto",
             "token/v1/credential_service.proto",
             "google/rpc/status.proto", "google/rpc/error_details.proto",
             "grpc/health/v1/health.proto", "grpc/reflection/v1alpha/reflection.proto"],
            capture_output=True, text=True)
        if done.returncode != 0:
            missing(f"protoc: {done.stderr.strip()} (package libprotobuf-dev)")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


@functools.lru_cache(maxsize=None)
def message(full_name: str):
    """The class of a message."""
    descriptor = _pool().FindMessageTypeByName(full_name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool()).GetPrototype(descriptor)
