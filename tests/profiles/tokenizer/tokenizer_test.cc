#include "profiles/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/test_paths.h"

namespace roberta::tokenizer {
namespace {

using ::testing::HasSubstr;

const Tokenizer& Demo() {
  static const auto tokenizer = Tokenizer::Load(test_paths::InRepository("models/demo-sst2")).value();
  return *tokenizer;
}

Encoding Encode(const std::string& text, const EncodeOptions& options = {}) {
  Encoding encoding;
  const absl::Status status = Demo().Encode(text, std::nullopt, options, &encoding);
  EXPECT_TRUE(status.ok()) << status;
  return encoding;
}

TEST(Tokenizer, SpellsItsTokens) {
  const Encoding encoding = Encode("not bad");
  std::string spelled;
  for (const int32_t id : encoding.ids) spelled += std::string(Demo().TokenText(id)) + " ";
  EXPECT_EQ(spelled, "<s> not Ġbad </s> ");
  EXPECT_EQ(Demo().TokenText(-1), "");
  EXPECT_EQ(Demo().TokenText(1 << 30), "");
  EXPECT_EQ(Demo().vocabulary_size(), 12288u);
}

TEST(Tokenizer, OffsetsOnlyOnRequest) {
  EXPECT_TRUE(Encode("not bad").offsets.empty());
  EXPECT_EQ(Encode("not bad", {.with_offsets = true}).offsets, (std::vector<Offset>{{0, 0}, {0, 3}, {4, 7}, {0, 0}}));
}

TEST(Tokenizer, InvalidUtf8IsNamedByItsByte) {
  Encoding encoding;
  EXPECT_EQ(Demo().Encode("abc\xFF", std::nullopt, {}, &encoding).message(), "text: invalid UTF-8 at byte 3");
  EXPECT_EQ(Demo().Encode("abc", "\xC0", {}, &encoding).message(), "pair text: invalid UTF-8 at byte 0");
}

TEST(Tokenizer, TooManyTokensIsAnErrorWithBothCounts) {
  Encoding encoding;
  const absl::Status status = Demo().Encode("one two three four", std::nullopt, {.max_tokens = 4}, &encoding);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), HasSubstr("6 tokens; at most 4"));
}

TEST(Tokenizer, NoRoomForTheSpecialTokensIsAnError) {
  Encoding encoding;
  for (const Truncation truncation : {Truncation::kError, Truncation::kRight}) {
    EXPECT_EQ(Demo().Encode("one two", std::nullopt, {.max_tokens = 1, .truncation = truncation}, &encoding).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Tokenizer, TruncationTellsWhatItDropped) {
  const Encoding encoding = Encode("one two three four", {.max_tokens = 4, .truncation = Truncation::kRight});
  EXPECT_EQ(encoding.ids.size(), 4u);
  EXPECT_EQ(encoding.tokens_dropped, 2u);
  EXPECT_EQ(Encode("one two", {.max_tokens = 4, .truncation = Truncation::kRight}).tokens_dropped, 0u);
}

TEST(Tokenizer, AReusedEncodingKeepsNothingOfTheLast) {
  Encoding encoding;
  ASSERT_TRUE(Demo().Encode("a much longer text", "with a pair", {.with_offsets = true}, &encoding).ok());
  ASSERT_TRUE(Demo().Encode("short", std::nullopt, {}, &encoding).ok());
  EXPECT_EQ(encoding.ids, Encode("short").ids);
  EXPECT_TRUE(encoding.offsets.empty());
}

TEST(Tokenizer, ThreadsDoNotDisturbEachOther) {
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i)
    texts.push_back("text number " + std::to_string(i) + std::string(static_cast<size_t>(i), '!'));
  std::vector<Encoding> expected;
  for (const std::string& text : texts) expected.push_back(Encode(text, {.with_offsets = true}));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Encoding encoding;
      for (size_t i = 0; i < 500; ++i) {
        const size_t which = (i * 7 + static_cast<size_t>(t)) % texts.size();
        const bool ok = Demo().Encode(texts[which], std::nullopt, {.with_offsets = true}, &encoding).ok();
        wrong += !ok || encoding.ids != expected[which].ids || encoding.offsets != expected[which].offsets;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

/// Of this thread alone: others may have the cores meanwhile.
double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double SecondsFor(const std::string& text, Encoding* encoding) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double start = CpuSeconds();
    EXPECT_TRUE(Demo().Encode(text, std::nullopt, {.with_offsets = true}, encoding).ok());
    best = std::min(best, CpuSeconds() - start);
  }
  return best;
}

class Pathological : public testing::TestWithParam<const char*> {};

/// Sixteen times the length may cost at most 16 x log-ish of it, and what the caches do not hold: a quadratic algorithm
/// would need 256 times as long.
TEST_P(Pathological, TimeGrowsNoFasterThanNLogN) {
  const auto repeated = [](std::string_view piece, size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  Encoding encoding;
  const double small = SecondsFor(repeated(GetParam(), 64 << 10), &encoding);
  const double large = SecondsFor(repeated(GetParam(), 1 << 20), &encoding);
  EXPECT_LT(large, 128 * small) << "64 KiB took " << small << " s, 1 MiB " << large << " s";
  EXPECT_GT(encoding.ids.size(), 1000u);
}

INSTANTIATE_TEST_SUITE_P(All, Pathological,
                         testing::Values("a", " ", "\n", "🎬", "\u0301", "ab", "!", "1", "<mask>", " <mask>", "<mas",
                                         "\u3000"));

}  // namespace
}  // namespace roberta::tokenizer
