#include "server/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::http {
namespace {

TEST(PercentDecoded, ResolvesEscapes) {
  EXPECT_EQ(PercentDecoded("a%20b%2Fc%c3%A9"), "a b/c\xc3\xa9");
  EXPECT_EQ(PercentDecoded(""), "");
  EXPECT_EQ(PercentDecoded("a+b"), "a+b");
}

TEST(PercentDecoded, RefusesWhatIsNoEscape) {
  for (const char* text : {"%", "%4", "%4g", "%zz", "a%2"}) EXPECT_EQ(PercentDecoded(text), std::nullopt) << text;
}

TEST(RequestHeader, OneThatCameTwiceHasNoValue) {
  const Request request = {.headers = {{"x-one", "1"}, {"x-two", "1"}, {"x-two", "2"}}};
  EXPECT_EQ(request.Header("x-one"), "1");
  EXPECT_EQ(request.Header("x-two"), std::nullopt);
  EXPECT_EQ(request.Header("x-three"), std::nullopt);
}

}  // namespace
}  // namespace roberta::http
