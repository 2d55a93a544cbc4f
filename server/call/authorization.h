#pragma once

#include "absl/status/status.h"
#include "server/call/identity.h"
#include "server/security/guard.h"

namespace roberta::call {

/// Whether who shows `presented` may make a call that needs the role; `head->caller` is then set in any case. Failure
/// reasons: kNoCredentials and kBadCredentials, whose answers are to wait for Guard::TakeDelay; kNotPermitted. Every
/// transport asks here before it parses a message. Any thread may call.
absl::Status Authorize(const security::Guard& guard, const security::Presented& presented, security::Role needed,
                       Head* head);

}  // namespace roberta::call
