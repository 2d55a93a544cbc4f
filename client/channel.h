#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "client/credentials.h"

namespace roberta::client {

/// A channel to `address`, as gRPC takes it. Proxies that the environment names are not for addresses of this machine.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Credentials& credentials,
                                           grpc::ChannelArguments arguments);

/// Before its call begins.
void AddToken(const std::string& token, grpc::ClientContext* context);

/// Whether `address` is a Unix socket or of the loopback network: "unix:/run/x", "localhost:8001", "dns:///[::1]:8001".
bool IsLocal(const std::string& address);

/// What a connection to `address` that failed went through: "; the way leads through the proxy ...", with the variable
/// of the environment that names it and without its password, or empty if gRPC takes no proxy there.
std::string ThroughProxy(const std::string& address);

}  // namespace roberta::client
