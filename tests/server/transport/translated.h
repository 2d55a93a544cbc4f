#pragma once

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/service/unary_call.h"

namespace roberta::transport {

/// The answer to a request as a translation gives it.
template <typename Response>
struct Translated {
  absl::Status status;
  std::vector<service::FieldProblem> problems;
  Response response;
};

/// Sends `request` through `*translation` and `service`, without gRPC.
template <typename Translation, typename Request, typename Service>
Translated<typename Translation::Response> Translate(
    Translation* translation, const Request& request, Service* service,
    void (Service::*start)(std::shared_ptr<typename Translation::Call>)) {
  auto call = std::make_shared<typename Translation::Call>(call::PhaseClock::Clock::now());
  *translation->request(call.get()) = request;
  call->outcome.status = translation->Begin(call.get());
  std::promise<Translated<typename Translation::Response>> promise;
  call->done = [&](auto& outcome) {
    Translated<typename Translation::Response> translated;
    const auto* response = translation->End(outcome, &translated.response);
    if (response != &translated.response) translated.response = *response;
    translated.status = outcome.status;
    translated.problems = outcome.problems;
    promise.set_value(std::move(translated));
  };
  (service->*start)(call);
  return promise.get_future().get();
}

}  // namespace roberta::transport
