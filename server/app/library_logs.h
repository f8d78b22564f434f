#pragma once

#include "server/app/handshake_failures.h"

namespace token_service::app {

// What gRPC and Protobuf have to say goes into our log, each as one line of its form, and no longer
// onto stderr as they like. To be called before either is used; once.
//
// gRPC: its errors, at kWarning, for nearly all are a peer's doing; of each place in its source
// five lines in ten seconds at most. Never its traces: with GRPC_TRACE they show what is on the
// wire, tokens included. Protobuf: where in its source, at kDebug, for whoever sends a malformed
// message makes it speak; never the text, which may quote a request or a provider's answer.
void TakeOverLibraryLogs();

// Logs how many lines there would have been besides. To be called now and then.
void TellOfSuppressedLibraryLogs();

// Of callers, as gRPC has told them.
HandshakeFailures& TlsHandshakeFailures();

}  // namespace token_service::app
