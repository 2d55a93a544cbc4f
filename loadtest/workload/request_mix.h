#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::loadtest::workload {

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

}  // namespace roberta::loadtest::workload
