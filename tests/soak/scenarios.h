#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loadtest/target/server_process.h"
#include "roberta/v1/classifier.pb.h"
#include "tests/soak/books.h"

namespace roberta::soak {

/// A server under test and what calls are made of.
struct Setup {
  loadtest::target::ServerProcess* server = nullptr;
  std::vector<v1::Item> texts;
  LogitsAlone alone;  ///< of `texts`
  uint64_t seed = 1;
  size_t in_flight = 48;
};

/// Each prints its figures to standard output and returns which promises were broken, a sentence each.
using Broken = std::vector<std::string>;

/// The logits of every text when it is classified alone. For Setup::alone.
Broken ClassifyAlone(Setup* setup);

/// `calls` calls under way at once, nearly all cancelled at random moments, `rounds` times over: afterwards nothing is
/// under way, executors answer, and memory is what it was after the first round.
Broken CancelStorm(const Setup& setup, size_t calls, int rounds);

/// `calls` calls of every kind: each has one outcome, one that its kind may have, and the server's books are equal.
Broken RandomCalls(const Setup& setup, size_t calls);

/// `calls` calls at several loads, among others': int8 logits are those of the text alone, bit for bit.
Broken ExactUnderLoad(const Setup& setup, size_t calls);

/// Calls of every kind for `duration` while a profile is unloaded and loaded and metrics are read: equal books, flat
/// memory, and no primitive is made between loads once warm.
Broken Soak(const Setup& setup, std::chrono::seconds duration);

}  // namespace roberta::soak
