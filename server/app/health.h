#pragma once

#include "server/app/broker.h"
#include "server/app/storage.h"
#include "server/app/surface.h"
#include "server/base/clock.h"

namespace token_service::app {

// Looks now, and each second from now on, whether the server is ready, and tells whoever asks for
// its health; ends calls whose certificate is no proof any more; and logs what there is too much
// of. On the timers' thread. All must be usable until the broker's threads have stopped. Once.
void WatchHealth(Storage& storage, Broker& broker, Surface& surface, const Clock& clock);

// Looks now, and each ConnectionGuard::kInterval from now on, which connections are to be cut off,
// and logs whose were. Otherwise the same.
void WatchConnections(Broker& broker, Surface& surface, const Clock& clock);

}  // namespace token_service::app
