#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/credentials.h"

namespace roberta::client {

inline std::shared_ptr<grpc::ChannelCredentials> ToGrpc(const Credentials& credentials) {
  if (!credentials.tls) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({.pem_root_certs = credentials.ca_pem,
                               .pem_private_key = credentials.key_pem,
                               .pem_cert_chain = credentials.certificate_pem});
}

/// Before its call begins.
inline void AddToken(const std::string& token, grpc::ClientContext* context) {
  if (!token.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
}

}  // namespace roberta::client
