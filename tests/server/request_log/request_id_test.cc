#include "server/request_log/request_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace roberta::request_log {
namespace {

TEST(RequestId, PrintableAsciiWithoutSpacesIsValid) {
  std::string all;
  for (char c = '!'; c <= '~'; ++c) all.push_back(c);
  EXPECT_TRUE(IsValidRequestId(all));
  EXPECT_TRUE(IsValidRequestId("x"));
}

TEST(RequestId, OneWithAnotherByteIsNotValid) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string id = {'a', static_cast<char>(byte), 'b'};
    EXPECT_EQ(IsValidRequestId(id), byte > ' ' && byte <= '~') << byte;
  }
}

TEST(RequestId, OfNoOrTooManyCharactersIsNotValid) {
  EXPECT_FALSE(IsValidRequestId(""));
  EXPECT_TRUE(IsValidRequestId(std::string(kLongestRequestId, 'x')));
  EXPECT_FALSE(IsValidRequestId(std::string(kLongestRequestId + 1, 'x')));
}

TEST(RequestId, AFreshOneIs32LowerCaseHexDigits) {
  EXPECT_THAT(NewRequestId(), testing::MatchesRegex("[0-9a-f]{32}"));
}

TEST(RequestId, FreshOnesDifferOverAllThreads) {
  constexpr size_t kThreads = 8, kIds = 10000;
  std::vector<std::vector<std::string>> ids(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kIds; ++i) ids[t].push_back(NewRequestId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> different;
  for (const auto& of_thread : ids) different.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(different.size(), kThreads * kIds);
}

TEST(RequestId, EveryDigitOfFreshOnesTakesEveryValue) {
  std::vector<std::set<char>> seen(32);
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewRequestId();
    for (size_t digit = 0; digit < id.size(); ++digit) seen[digit].insert(id[digit]);
  }
  for (const std::set<char>& digits : seen) EXPECT_EQ(digits.size(), 16u);
}

}  // namespace
}  // namespace roberta::request_log
