#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "loadtest/workload/workload.h"
#include "tests/test_paths.h"

namespace roberta::loadtest::workload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string FileOf(const std::string& name, const std::string& content) {
  std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::vector<int64_t> First(const Arrivals& arrivals, size_t count) {
  std::vector<int64_t> times;
  for (size_t i = 0; i < count; ++i) times.push_back(*arrivals());
  return times;
}

/// Kolmogorov's statistic of distances, in seconds, against the exponential distribution of `rate`: the largest gap
/// between their distribution function and its own.
double KolmogorovSmirnov(std::vector<double> distances, double rate) {
  std::sort(distances.begin(), distances.end());
  const auto n = static_cast<double>(distances.size());
  double largest = 0;
  for (size_t i = 0; i < distances.size(); ++i) {
    const double theory = 1 - std::exp(-rate * distances[i]);
    largest = std::max(
        {largest, std::abs(theory - static_cast<double>(i) / n), std::abs(theory - static_cast<double>(i + 1) / n)});
  }
  return largest;
}

std::vector<double> Distances(const Arrivals& arrivals, size_t count) {
  std::vector<double> distances;
  int64_t last = 0;
  for (const int64_t time : First(arrivals, count)) {
    distances.push_back(static_cast<double>(time - last) / 1e9);
    last = time;
  }
  return distances;
}

// The level of 1 %: 1.63 / sqrt(n).
TEST(Arrivals, PoissonDistancesPassAKolmogorovSmirnovTest) {
  constexpr size_t kCount = 20'000;
  for (const uint64_t seed : {1, 2, 3}) {
    const auto distances = Distances(PoissonArrivals(250, seed), kCount);
    EXPECT_LT(KolmogorovSmirnov(distances, 250), 1.63 / std::sqrt(kCount)) << "seed " << seed;
  }
}

TEST(Arrivals, TheTestTellsOtherArrivalsFromPoisson) {
  constexpr size_t kCount = 20'000;
  EXPECT_GT(KolmogorovSmirnov(Distances(ConstantArrivals(250), kCount), 250), 0.1);
  EXPECT_GT(KolmogorovSmirnov(Distances(PoissonArrivals(260, 1), kCount), 250), 1.63 / std::sqrt(kCount));
}

// Independent distances: the correlation of neighbors vanishes, but for chance of 1/sqrt(n).
TEST(Arrivals, PoissonDistancesDoNotDependOnTheLastOne) {
  constexpr size_t kCount = 20'000;
  const auto distances = Distances(PoissonArrivals(1, 5), kCount);
  double sum = 0;
  for (size_t i = 1; i < kCount; ++i) sum += (distances[i] - 1) * (distances[i - 1] - 1);
  EXPECT_LT(std::abs(sum / kCount), 4 / std::sqrt(kCount));
}

TEST(Arrivals, TheSeedDecides) {
  EXPECT_EQ(First(PoissonArrivals(10, 7), 100), First(PoissonArrivals(10, 7), 100));
  EXPECT_NE(First(PoissonArrivals(10, 7), 100), First(PoissonArrivals(10, 8), 100));
}

TEST(Arrivals, ConstantOnesDoNotDrift) {
  auto arrivals = ConstantArrivals(3);
  const std::vector<int64_t> times = First(arrivals, 3'000'001);
  EXPECT_EQ(times[0], 0);
  EXPECT_EQ(times[1], 333'333'333);
  EXPECT_EQ(times.back(), 1'000'000'000'000'000);
}

TEST(Arrivals, RecordedOnesEnd) {
  auto arrivals = RecordedArrivals({5, 0, 10});
  EXPECT_THAT(First(arrivals, 3), ElementsAre(5, 5, 15));
  EXPECT_FALSE(arrivals().has_value());
}

TEST(Arrivals, ReadsIntervals) {
  const auto intervals = ReadIntervals(FileOf("intervals.txt", "\xEF\xBB\xBF\n1\r\n\n0.5\r\n\r\n0"));
  ASSERT_TRUE(intervals.ok()) << intervals.status();
  EXPECT_THAT(*intervals, ElementsAre(1'000'000, 500'000, 0));
}

TEST(Arrivals, BadIntervalsAreNamedByLine) {
  for (const char* bad : {"-1", "nan", "x", " ", "1e9", "1 2"}) {
    const auto status = ReadIntervals(FileOf("bad_intervals.txt", std::string("\n") + bad + "\n")).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(status.message(), HasSubstr("bad_intervals.txt:2: not a number of milliseconds"));
  }
  EXPECT_THAT(ReadIntervals(FileOf("no_intervals.txt", "")).status().message(), HasSubstr("no intervals"));
  EXPECT_TRUE(absl::IsNotFound(ReadIntervals("/nowhere/intervals.txt").status()));
}

TEST(Texts, ReadsLinesAndTables) {
  const auto lines = ReadTexts(FileOf("texts.txt", "\xEF\xBB\xBFone\r\n\r\n\ntwo\n\n"));
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->items.size(), 2u);
  EXPECT_EQ(lines->items.at(0).text(), "one");
  EXPECT_EQ(lines->items.at(1).text(), "two");
  EXPECT_THAT(lines->labels, IsEmpty());
  const auto table = ReadTexts(FileOf("texts.tsv", "label\ttext\ttext_pair\npositive\tone\tother\n"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->items.at(0).text(), "one");
  EXPECT_EQ(table->items.at(0).text_pair(), "other");
}

TEST(Texts, LabelsAreKeptBesideTheItems) {
  const auto table = ReadTexts(FileOf("labelled.tsv", "label\ttext\npositive\tone\n\ttwo\n"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->labels, ElementsAre("positive", ""));
  const auto objects = ReadTexts(FileOf("labelled.jsonl", R"({"text": "one", "label": "1"})"));
  ASSERT_TRUE(objects.ok()) << objects.status();
  EXPECT_THAT(objects->labels, ElementsAre("1"));
}

TEST(Texts, BadFilesAreNamed) {
  EXPECT_TRUE(absl::IsNotFound(ReadTexts("/nowhere/texts.txt").status()));
  EXPECT_THAT(ReadTexts(FileOf("none.txt", "")).status().message(), HasSubstr("none.txt: no texts"));
  EXPECT_THAT(ReadTexts(FileOf("none.tsv", "label\ttext\n")).status().message(), HasSubstr("none.tsv: no texts"));
  EXPECT_THAT(ReadTexts(FileOf("bad.txt", "one\n\xff\n")).status().message(), HasSubstr("bad.txt:2"));
}

TEST(Texts, LengthsBecomeTextsOfSoManyWords) {
  const auto items = TextsOfLengths(FileOf("lengths.txt",
                                           "\xEF\xBB\xBF"
                                           "3\r\n\r\n10\n\n"));
  ASSERT_TRUE(items.ok()) << items.status();
  EXPECT_EQ(std::count(items->at(0).text().begin(), items->at(0).text().end(), ' '), 1);
  EXPECT_EQ(std::count(items->at(1).text().begin(), items->at(1).text().end(), ' '), 8);
}

TEST(Texts, BadLengthsAreNamedByLine) {
  for (const char* bad : {"2", "100001", "x", " ", "1.5"}) {
    const auto status = TextsOfLengths(FileOf("bad_lengths.txt", std::string("5\n") + bad + "\n")).status();
    EXPECT_THAT(status.message(), HasSubstr("bad_lengths.txt:2: not a number of tokens from 3 to 100000")) << bad;
  }
}

TEST(Texts, TextsOfOneLengthDiffer) {
  std::set<std::string> texts;
  for (size_t variant = 0; variant < 100; ++variant) texts.insert(TextOfTokens(12, variant));
  EXPECT_EQ(texts.size(), 100u);
}

TEST(Texts, JoinedOnesAreLongEnough) {
  const auto joined = JoinedTexts(BuiltInTexts(), 500, 3, 1);
  ASSERT_EQ(joined.size(), 3u);
  for (const v1::Item& item : joined) EXPECT_GE(item.text().size(), 500u);
}

RequestClass ClassOf(const std::string& name, double share, std::vector<std::string> texts) {
  RequestClass made = {.name = name, .share = share};
  for (std::string& text : texts) made.items.emplace_back().set_text(std::move(text));
  return made;
}

std::vector<std::string> TextsOf(const Request& request) {
  v1::ClassifyRequest parsed;
  EXPECT_TRUE(parsed.ParseFromString(request.wire));
  std::vector<std::string> texts;
  for (const v1::Item& item : parsed.items()) texts.push_back(item.text());
  return texts;
}

TEST(RequestMix, GoesRoundTheTexts) {
  auto mix = RequestMix::Make({ClassOf("main", 1, {"a", "b", "c"})}, 1);
  ASSERT_TRUE(mix.ok()) << mix.status();
  std::map<std::string, int> seen;
  for (int i = 0; i < 30; ++i) ++seen[TextsOf(mix->Next()).at(0)];
  EXPECT_EQ(seen, (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
}

TEST(RequestMix, KeepsTheShares) {
  auto mix = RequestMix::Make({ClassOf("main", 0.99, {"a"}), ClassOf("long", 0.01, {"b"})}, 1);
  ASSERT_TRUE(mix.ok()) << mix.status();
  constexpr int kCount = 100'000;
  int of_long = 0;
  for (int i = 0; i < kCount; ++i) of_long += mix->Next().request_class == 1;
  EXPECT_NEAR(of_long, 1000, 5 * std::sqrt(1000));
}

TEST(RequestMix, TheSeedDecides) {
  const auto sequence = [](uint64_t seed) {
    auto mix = RequestMix::Make({ClassOf("a", 1, {"1", "2", "3", "4"}), ClassOf("b", 1, {"5", "6"})}, seed);
    std::string all;
    for (int i = 0; i < 50; ++i) all += TextsOf(mix->Next()).at(0);
    return all;
  };
  EXPECT_EQ(sequence(4), sequence(4));
  EXPECT_NE(sequence(4), sequence(5));
}

TEST(RequestMix, EveryRequestCarriesAsManyTexts) {
  RequestClass made = ClassOf("main", 1, {"a", "b", "c"});
  made.items_per_request = 2;
  made.settings.set_profile("quantized");
  auto mix = RequestMix::Make({made}, 1);
  ASSERT_TRUE(mix.ok()) << mix.status();
  std::set<std::vector<std::string>> seen = {TextsOf(mix->Next()), TextsOf(mix->Next())};
  EXPECT_EQ(seen, (std::set<std::vector<std::string>>{{"a", "b"}, {"c", "a"}}));
  v1::ClassifyRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(mix->Next().wire));
  EXPECT_EQ(parsed.profile(), "quantized");
}

// A request's texts by number are the texts that it carries.
TEST(RequestMix, NumbersTheTextsThroughTheClasses) {
  RequestClass first = ClassOf("first", 0.5, {"0", "1", "2"});
  first.items_per_request = 2;
  auto mix = RequestMix::Make({first, ClassOf("second", 0.5, {"3", "4"})}, 1);
  ASSERT_TRUE(mix.ok()) << mix.status();
  for (int i = 0; i < 50; ++i) {
    const Request& request = mix->Next();
    std::vector<std::string> numbers;
    for (const uint32_t text : request.texts) numbers.push_back(std::to_string(text));
    EXPECT_EQ(numbers, TextsOf(request));
  }
}

TEST(RequestMix, RefusesWhatCannotBe) {
  EXPECT_FALSE(RequestMix::Make({}, 1).ok());
  EXPECT_THAT(RequestMix::Make({ClassOf("x", 0, {"a"})}, 1).status().message(), HasSubstr("class x: share 0"));
  EXPECT_THAT(RequestMix::Make({ClassOf("x", NAN, {"a"})}, 1).status().message(), HasSubstr("class x: share"));
  EXPECT_THAT(RequestMix::Make({ClassOf("x", 1, {})}, 1).status().message(), HasSubstr("class x has no items"));
  RequestClass labelled = ClassOf("x", 1, {"a", "b"});
  labelled.labels = {"positive"};
  EXPECT_THAT(RequestMix::Make({labelled}, 1).status().message(), HasSubstr("class x: 1 labels for 2 items"));
}

}  // namespace
}  // namespace roberta::loadtest::workload
