#include "server/transport/gate.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/alarm.h>

#include <chrono>
#include <iterator>
#include <memory>
#include <string_view>

#include "server/call/authorization.h"
#include "server/sockets/peer.h"
#include "server/transport/metadata.h"

namespace roberta::transport {

namespace {

std::string_view ViewOf(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

/// The names in a verified certificate. gRPC has those of every kind under the first of these.
void AddIdentities(const grpc::AuthContext& connection, security::Presented* presented) {
  for (const char* property : {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : connection.FindPropertyValues(property)) {
      presented->identities.push_back(ViewOf(name));
    }
  }
}

}  // namespace

absl::Status Enter(const Gate& gate, grpc::CallbackServerContext* context, call::Head* head) {
  *head = ReadHead(context);
  if (gate.guard == nullptr) return absl::OkStatus();
  security::Presented presented;
  const auto [first, last] = context->client_metadata().equal_range("authorization");
  if (first != last) presented.authorization = std::next(first) == last ? ViewOf(first->second) : std::string_view();
  std::shared_ptr<const grpc::AuthContext> connection;  // of which `presented` has views
  if (gate.guard->looks_at_certificates()) {
    connection = context->auth_context();
    presented.has_certificate = connection != nullptr && connection->IsPeerAuthenticated();
    if (presented.has_certificate) AddIdentities(*connection, &presented);
  }
  return call::Authorize(*gate.guard, presented, gate.needed, head);
}

void FinishLater(const security::Guard& guard, grpc::CallbackServerContext* context, std::function<void()> finish) {
  context->AddTrailingMetadata("www-authenticate", "Bearer");
  security::Delay delay = guard.TakeDelay(sockets::PeerNamed(context->peer()));
  if (delay.length.count() == 0) return finish();
  auto alarm = std::make_shared<grpc::Alarm>();
  grpc::Alarm* const timer = alarm.get();
  timer->Set(std::chrono::system_clock::now() + delay.length,
             [alarm = std::move(alarm), place = std::move(delay.place), finish = std::move(finish)](bool) mutable {
               finish();
               place.reset();
               alarm.reset();
             });
}

}  // namespace roberta::transport
