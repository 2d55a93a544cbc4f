#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace roberta::metrics {

/// The value of the label `profile` for what belongs to no profile, or to one that nobody knows.
inline constexpr char kNoProfile[] = "none";

/// A value for each of a fixed list of profiles and one for none of them, so that no name from outside becomes a label.
/// Handing them out takes no lock; any thread may call.
template <typename Value>
class PerProfile {
 public:
  /// `make` is called with the value of the label: each of `profiles` in turn, then kNoProfile.
  PerProfile(const std::vector<std::string>& profiles, const std::function<Value(const std::string&)>& make) {
    for (const std::string& profile : profiles) Add(profile, make);
    none_ = &Add(kNoProfile, make);
  }
  PerProfile(const PerProfile&) = delete;
  PerProfile& operator=(const PerProfile&) = delete;

  const Value& Of(std::string_view profile) const {
    const auto found = values_.find(profile);
    return found != values_.end() ? found->second : *none_;
  }

  /// In the order of the list, none last.
  const std::vector<const Value*>& in_order() const { return in_order_; }

 private:
  const Value& Add(const std::string& profile, const std::function<Value(const std::string&)>& make) {
    const Value& value = values_.emplace(profile, make(profile)).first->second;
    in_order_.push_back(&value);
    return value;
  }

  std::map<std::string, Value, std::less<>> values_;
  std::vector<const Value*> in_order_;
  const Value* none_ = nullptr;
};

}  // namespace roberta::metrics
