#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::loadtest::workload {

/// When requests are to be sent, whatever becomes of earlier ones: the arrivals of an open loop. Each call gives the
/// time of the next request, in ns since the run began and never smaller than the last one; nullopt: there is no next.
using Arrivals = std::function<std::optional<int64_t>()>;

/// From 0 on, `rate` a second at equal distances. `rate` is positive.
Arrivals ConstantArrivals(double rate);

/// A Poisson process: `rate` a second on average, distances exponentially distributed and independent of each other;
/// what many users who know nothing of each other make. The same for the same seed.
Arrivals PoissonArrivals(double rate, uint64_t seed);

/// After each of `intervals_ns` (not negative) one, once through. For recorded traffic.
Arrivals RecordedArrivals(std::vector<int64_t> intervals_ns);

/// Milliseconds, one a line, between one request and the next. InvalidArgument, naming file and line, if one is no
/// number from 0 to an hour, or there is none; NotFound if the file cannot be read.
absl::StatusOr<std::vector<int64_t>> ReadIntervals(const std::string& file);

/// Requests of one kind and how many of all are of it.
struct RequestClass {
  std::string name;  ///< "short", "long", ...
  double share = 1;  ///< of all requests, relative to the other classes' shares
  /// Everything but the items: profile, truncation, priority, ...
  v1::ClassifyRequest settings;
  std::vector<v1::Item> items;  ///< not empty
  /// What is expected of the items, by name or index: one for each, "" where it is not known; or none at all.
  std::vector<std::string> labels;
  size_t items_per_request = 1;
};

/// A request ready to be sent.
struct Request {
  size_t request_class = 0;  ///< in the mix
  std::string wire;          ///< a ClassifyRequest in wire format
  /// Which texts it carries. Texts are numbered through the classes: item 0 of the second one comes after the last item
  /// of the first.
  std::vector<uint32_t> texts;
};

/// Which request comes next: a class by the shares, drawn at random, and of it the next one, in an order shuffled once,
/// round and round. The same for the same seed. All requests are serialized beforehand. One thread at a time.
class RequestMix {
 public:
  /// InvalidArgument, with class and value, if there are no classes, a share is not positive, or a class has no items.
  static absl::StatusOr<RequestMix> Make(std::vector<RequestClass> classes, uint64_t seed);

  /// Stays valid as long as this.
  const Request& Next();

  const std::vector<std::string>& class_names() const { return names_; }

 private:
  RequestMix(std::vector<RequestClass> classes, uint64_t seed);

  std::vector<std::string> names_;
  std::vector<std::vector<Request>> requests_;  ///< by class
  std::vector<size_t> next_;                    ///< by class
  std::mt19937_64 random_;
  std::discrete_distribution<size_t> pick_;
};

/// Items to send and what is expected of them, which is not sent.
struct Texts {
  std::vector<v1::Item> items;
  std::vector<std::string> labels;  ///< by name or index, one for each item, "" where there is none; empty: none at all
};

/// The texts of a file in the dialect of rows::Format, by its name: a text a line unless that says otherwise. Errors
/// name file and line: NotFound if it cannot be opened, InvalidArgument for a bad row or a file without texts.
absl::StatusOr<Texts> ReadTexts(const std::string& file);

/// A text of `tokens` tokens, the two special ones included (at least 3), of words that are a token each in byte-level
/// BPE vocabularies of English. Texts of different `variant`s differ.
std::string TextOfTokens(int tokens, size_t variant);

/// Texts whose token counts are the numbers of `file`, one a line. InvalidArgument, naming the line, if one is not from
/// 3 to 100000 or there is none.
absl::StatusOr<std::vector<v1::Item>> TextsOfLengths(const std::string& file);

/// `count` texts of at least `characters` characters, each made of texts of `items` (not empty) one after the other.
std::vector<v1::Item> JoinedTexts(const std::vector<v1::Item>& items, size_t characters, size_t count, uint64_t seed);

/// Sentences that come with the program, for those who have no file.
std::vector<v1::Item> BuiltInTexts();

}  // namespace roberta::loadtest::workload
