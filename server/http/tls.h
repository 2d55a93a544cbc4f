#pragma once

#include <string>
#include <vector>

struct ssl_st;

namespace roberta::http {

/// The names of the certificate with which the peer of a connection proved who it is: subject alternative names (DNS,
/// URI, email), then the common name. Empty without a verified one.
std::vector<std::string> NamesOfPeer(ssl_st* connection);

}  // namespace roberta::http
