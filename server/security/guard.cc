#include "server/security/guard.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/sockets/peer.h"

namespace roberta::security {

/// Credentials as Check needs them.
struct Guard::Table {
  struct Token {
    Sha256 sha256;
    std::shared_ptr<const Caller> caller;
  };
  std::vector<Token> tokens;
  std::map<std::string, std::shared_ptr<const Caller>, std::less<>> by_identity;
  std::map<std::string, std::shared_ptr<const Caller>, std::less<>> by_name;
};

/// The answers that wait.
struct Guard::Delayed {
  std::mutex mutex;  // guards all
  size_t count = 0;
  sockets::PeerCounts of_peer;
};

namespace {

constexpr size_t kPartOfPeer = 8;  // of the delays

std::shared_ptr<const Caller> Anonymous(Role role) {
  return std::make_shared<const Caller>(Caller{.name = "anonymous", .role = role});
}

/// The token of "Bearer TOKEN"; the name of the scheme is case-insensitive (RFC 9110, 11.1).
std::optional<std::string_view> BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  const absl::string_view scheme(authorization.data(), std::min(authorization.size(), kScheme.size()));
  if (!absl::EqualsIgnoreCase(scheme, absl::string_view(kScheme.data(), kScheme.size()))) return std::nullopt;
  std::string_view token = authorization.substr(kScheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  const bool fits = !token.empty() && token.size() <= kLongestToken;
  if (!fits || !std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; })) return std::nullopt;
  return token;
}

}  // namespace

Guard::Guard(GuardOptions options)
    : options_(std::move(options)),
      anonymous_(Anonymous(options_.anonymous_role)),
      certified_(Anonymous(options_.anonymous_role)),
      delayed_(new Delayed{
          .mutex = {},
          .of_peer = sockets::PeerCounts(std::max<size_t>(1, options_.max_delayed_failures / kPartOfPeer))}) {}

std::shared_ptr<const Guard::Table> Guard::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

void Guard::Use(const Credentials& credentials) {
  const std::shared_ptr<const Table> before = table();
  const auto index_before = [&before](const std::string& name) -> size_t {
    if (before == nullptr) return 0;
    const auto found = before->by_name.find(name);
    return found == before->by_name.end() ? 0 : found->second->index;
  };
  std::vector<bool> taken(kMostCallers + 1, false);
  taken[0] = true;
  for (const Entry& entry : credentials) taken[index_before(entry.caller.name)] = true;
  auto made = std::make_shared<Table>();
  for (const Entry& entry : credentials) {
    std::shared_ptr<const Caller>& caller = made->by_name[entry.caller.name];
    if (caller == nullptr) {
      Caller called = entry.caller;
      called.index = index_before(called.name);
      if (called.index == 0) called.index = static_cast<size_t>(std::ranges::find(taken, false) - taken.begin());
      taken.at(called.index) = true;
      caller = std::make_shared<const Caller>(std::move(called));
    }
    if (entry.identity.empty()) {
      made->tokens.push_back({entry.token_sha256, caller});
    } else {
      made->by_identity[entry.identity] = caller;
    }
  }
  const std::lock_guard lock(mutex_);
  table_ = std::move(made);
}

Decision Guard::ByToken(const Table& table, std::string_view authorization) const {
  const std::optional<std::string_view> token = BearerToken(authorization);
  if (!token) return {anonymous_, Failure::kMalformed};
  const Sha256 sha256 = HashOf(*token);
  const Table::Token* found = nullptr;
  for (const Table::Token& known : table.tokens) {  // all of them, so that the time says nothing of what they are
    if (CRYPTO_memcmp(known.sha256.data(), sha256.data(), sha256.size()) == 0) found = &known;
  }
  if (found == nullptr) return {anonymous_, Failure::kUnknownToken};
  return {found->caller, std::nullopt};
}

Decision Guard::Authenticate(const Presented& presented) const {
  const std::shared_ptr<const Table> table = this->table();
  if (table == nullptr) return {presented.has_certificate ? certified_ : anonymous_, std::nullopt};
  if (presented.authorization) return ByToken(*table, *presented.authorization);
  if (!presented.has_certificate) return {anonymous_, std::nullopt};
  for (const std::string_view identity : presented.identities) {
    const auto found = table->by_identity.find(identity);
    if (found != table->by_identity.end()) return {found->second, std::nullopt};
  }
  return {certified_, std::nullopt};
}

Decision Guard::Check(const Presented& presented, Role needed) const {
  if (needed == Role::kNone) return {anonymous_, std::nullopt};
  Decision decision = Authenticate(presented);
  if (!decision.failure && decision.caller->role < needed) {
    decision.failure = decision.caller == anonymous_   ? Failure::kMissing
                       : decision.caller == certified_ ? Failure::kUnknownCertificate
                                                       : Failure::kNotPermitted;
  }
  if (decision.failure) options_.failed(*decision.failure);
  return decision;
}

Delay Guard::TakeDelay(const std::string& peer) const {
  if (options_.failure_delay.count() == 0) return {};
  {
    const std::lock_guard lock(delayed_->mutex);
    if (delayed_->count >= options_.max_delayed_failures || !delayed_->of_peer.Add(peer)) return {};
    ++delayed_->count;
  }
  return {options_.failure_delay, std::shared_ptr<const void>(delayed_.get(), [delayed = delayed_, peer](const void*) {
            const std::lock_guard lock(delayed->mutex);
            --delayed->count;
            delayed->of_peer.Remove(peer);
          })};
}

}  // namespace roberta::security
