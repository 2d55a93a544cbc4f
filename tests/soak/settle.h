#pragma once

#include <chrono>

#include "loadtest/target/metrics_page.h"
#include "tests/soak/books.h"
#include "tests/soak/scenarios.h"

namespace roberta::soak {

/// Waits until the server's books since `before` are equal to `books`, and nothing is under way in it. What did not
/// become true in time, and what the books say themselves.
Broken Settle(const Setup& setup, const loadtest::target::MetricsPage& before, const Books& books);

void PrintBooks(const std::string& what, const Books& books, std::chrono::steady_clock::time_point start);

}  // namespace roberta::soak
