#include "server/transport/first_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace roberta::transport {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using Clock = FirstMessages::Clock;

class Call final : public FirstMessages::Waiting {
 public:
  explicit Call(std::vector<int>* timed_out = nullptr, int number = 0) : timed_out_(timed_out), number_(number) {}
  std::function<void()> TimedOut() override {
    return [this] {
      if (timed_out_ != nullptr) timed_out_->push_back(number_);
    };
  }

 private:
  std::vector<int>* const timed_out_;
  const int number_;
};

TEST(FirstMessages, ThoseThatWaitTooLongTimeOutInTheirOrder) {
  FirstMessages calls;
  std::vector<int> timed_out;
  Call one(&timed_out, 1), two(&timed_out, 2), three(&timed_out, 3);
  for (Call* call : {&one, &two, &three}) calls.Began(call);
  calls.Ended(&two);
  EXPECT_EQ(calls.EndSince(Clock::now() - hours(1)), 0u);
  EXPECT_EQ(calls.EndSince(Clock::now() + hours(1)), 2u);
  EXPECT_THAT(timed_out, ElementsAre(1, 3));
  EXPECT_EQ(calls.EndSince(Clock::now() + hours(1)), 0u);
}

TEST(FirstMessages, ACallMayEndAfterItTimedOut) {
  FirstMessages calls;
  std::vector<int> timed_out;
  Call call(&timed_out, 1), next(&timed_out, 2);
  calls.Began(&call);
  calls.EndSince(Clock::now() + hours(1));
  calls.Began(&next);
  calls.Ended(&call);
  calls.Ended(&next);
  calls.Ended(&next);
  EXPECT_EQ(calls.EndSince(Clock::now() + hours(1)), 0u);
}

}  // namespace
}  // namespace roberta::transport
