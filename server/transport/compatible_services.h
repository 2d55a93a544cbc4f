#pragma once

#include "server/security/guard.h"
#include "server/service/classification.h"
#include "server/service/parts.h"
#include "server/service/profile_administration.h"
#include "server/service/tokenization.h"
#include "server/transport/load_reports.h"
#include "server/transport/ordered_stream.h"
#include "server/transport/port_services.h"
#include "server/transport/raw_service.h"
#include "server/transport/reflection.h"
#include "server/transport/tei.h"

namespace roberta::transport {

/// What services of other protocols stand on. All must outlive the server that they are registered with.
struct CompatibleCore {
  const service::Parts* parts;
  ServerFacts facts;
  service::Classification* classification;
  service::Tokenization* tokenization;
  service::ProfileAdministration* administration;
  const security::Guard* guard = nullptr;  ///< nullptr: everybody may call
  const LoadReports* load = nullptr;       ///< nullptr: no call has a load report
};

/// tei.v1.Info, Predict and Tokenize.
class TeiService final : public RawService {
 public:
  TeiService(const CompatibleCore& core, OpenStreams* open);
};

/// inference.GRPCInferenceService.
class InferenceService final : public RawService {
 public:
  InferenceService(const CompatibleCore& core, OpenStreams* open);
};

/// These, reflection, and what ends calls of methods that are not served.
class CompatibleServices {
 public:
  explicit CompatibleServices(const CompatibleCore& core);

  /// This must outlive the server.
  void Register(grpc::ServerBuilder* builder);
  /// Ends the streams, once what they have read is answered.
  void Drain() { open_.Drain(); }
  void EndWritesSince(call::PhaseClock::Clock::time_point start) { open_.EndWritesSince(start); }

 private:
  OpenStreams open_;
  TeiService tei_;
  InferenceService inference_;
  ReflectionService reflection_;
  Unserved unserved_;
};

}  // namespace roberta::transport
