#include "server/request_log/request_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace roberta::request_log {
namespace {

Record Answered() {
  Record record;
  record.method = "Classify";
  record.request_id = "4711";
  record.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.profile_requested = "amp";
  record.profile = "amp";
  record.work = Work{.items = 3,
                     .failed_items = 1,
                     .tokens = 40,
                     .truncated_items = 2,
                     .priority = "high",
                     .batch_items = 7,
                     .phase_ns = {100'000, 2'000'000, 30'000, 4'000'000, 5'000}};
  record.total_ns = 6'135'000;
  return record;
}

std::string TextOf(const Record& record, Format format) {
  Line line(format, "request");
  AddRecord(record, &line);
  return line.text();
}

nlohmann::json JsonOf(const Record& record) {
  return nlohmann::json::parse(absl::StrCat("{", TextOf(record, Format::kJson), "}"));
}

TEST(Milliseconds, HaveThreeDecimalsAndAreRounded) {
  EXPECT_EQ(Milliseconds(0), "0.000");
  EXPECT_EQ(Milliseconds(499), "0.000");
  EXPECT_EQ(Milliseconds(500), "0.001");
  EXPECT_EQ(Milliseconds(12'030'000), "12.030");
  EXPECT_EQ(Milliseconds(86'400'000'999'999), "86400001.000");
}

TEST(Record, AsTextIsWordsAndFields) {
  EXPECT_EQ(TextOf(Answered(), Format::kText),
            "request method=Classify code=OK request_id=4711 trace_id=4bf92f3577b34da6a3ce929d0e0e4736 "
            "profile_requested=amp profile=amp items=3 failed_items=1 tokens=40 truncated_items=2 priority=high "
            "batch_items=7 tokenize_ms=0.100 queue_ms=2.000 form_ms=0.030 infer_ms=4.000 post_ms=0.005 "
            "total_ms=6.135");
}

TEST(Record, AsJsonHasNumbersWhereThingsAreCounted) {
  EXPECT_EQ(JsonOf(Answered()), nlohmann::json::parse(R"({
    "message": "request", "method": "Classify", "code": "OK", "request_id": "4711",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "profile_requested": "amp", "profile": "amp",
    "items": 3, "failed_items": 1, "tokens": 40, "truncated_items": 2, "priority": "high", "batch_items": 7,
    "tokenize_ms": 0.1, "queue_ms": 2.0, "form_ms": 0.03, "infer_ms": 4.0, "post_ms": 0.005, "total_ms": 6.135})"));
}

TEST(Record, LeavesOutWhatThereIsNot) {
  Record record;
  record.method = "LoadProfile";
  record.code = absl::StatusCode::kUnavailable;
  record.reason = "draining";
  EXPECT_EQ(TextOf(record, Format::kText),
            "request method=LoadProfile code=UNAVAILABLE reason=draining total_ms=0.000");
}

TEST(Record, WhateverBytesAValueHasTheLineIsOneLineOfPrintableAscii) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  Record record = Answered();
  record.profile_requested = bytes;
  for (const Format format : {Format::kText, Format::kJson}) {
    for (const char c : TextOf(record, format)) EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
  }
  EXPECT_EQ(JsonOf(record)["profile_requested"].get<std::string>().substr(0, 128), bytes.substr(0, 128));
}

TEST(Record, AValueCannotPretendToBeAnotherField) {
  Record record;
  record.method = "Classify";
  record.request_id = "1\"_code=OK";
  EXPECT_EQ(TextOf(record, Format::kText),
            "request method=Classify code=OK request_id=\"1\\\"_code=OK\" total_ms=0.000");
  record.request_id = R"(1","code":"INTERNAL)";
  EXPECT_EQ(JsonOf(record)["code"], "OK");
  EXPECT_EQ(JsonOf(record)["request_id"], R"(1","code":"INTERNAL)");
}

}  // namespace
}  // namespace roberta::request_log
