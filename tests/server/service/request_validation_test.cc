#include "server/service/request_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/call/failure_reason.h"

namespace roberta::service {
namespace {

using ::testing::HasSubstr;

constexpr RequestLimits kLimits = {.max_items = 3, .max_item_characters = 10};

internal::RawItem Item(const std::string& text) {
  internal::RawItem item;
  item.set_text(text);
  return item;
}

FieldProblem ItemProblem(const internal::RawItem& item) {
  const auto problem = ValidateItem(item, "items[7]", kLimits);
  return problem ? *problem : FieldProblem{"none", absl::OkStatus()};
}

FieldProblem CallProblem(const internal::RawClassifyRequest& request) {
  CallSettings settings;
  const auto problem = ValidateCall(request, kLimits, &settings);
  return problem ? *problem : FieldProblem{"none", absl::OkStatus()};
}

internal::RawClassifyRequest OneItem() {
  internal::RawClassifyRequest request;
  *request.add_items() = Item("good");
  return request;
}

TEST(ValidateItem, AcceptsATextOfTheLongestLength) {
  EXPECT_EQ(ItemProblem(Item("0123456789")).field, "none");
}

TEST(ValidateItem, CountsCodePointsNotBytes) {
  EXPECT_EQ(ItemProblem(Item("ééééééééé")).field, "none");
}

TEST(ValidateItem, RefusesAnEmptyText) {
  EXPECT_EQ(ItemProblem(Item("")).field, "items[7].text");
  EXPECT_EQ(ItemProblem(Item("")).status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(ValidateItem, RefusesABlankText) {
  EXPECT_THAT(std::string(ItemProblem(Item(" \t\n\xc2\xa0")).status.message()), HasSubstr("blank"));
}

TEST(ValidateItem, NamesTheByteOfInvalidUtf8) {
  EXPECT_EQ(std::string(ItemProblem(Item("ab\xff")).status.message()), "items[7].text: invalid UTF-8 at byte 2");
}

TEST(ValidateItem, AcceptsANulByte) {
  EXPECT_EQ(ItemProblem(Item(std::string("a\0b", 3))).field, "none");
}

TEST(ValidateItem, ChecksThePairToo) {
  internal::RawItem item = Item("good");
  item.set_text_pair(" ");
  EXPECT_EQ(ItemProblem(item).field, "items[7].text_pair");
  item.set_text_pair("");  // none
  EXPECT_EQ(ItemProblem(item).field, "none");
}

TEST(ValidateItem, LimitsBothTextsTogether) {
  internal::RawItem item = Item("012345");
  item.set_text_pair("012345");
  EXPECT_THAT(std::string(ItemProblem(item).status.message()), HasSubstr("12 characters; at most 10"));
}

TEST(ValidateItem, RefusesAnIdThatIsNotUtf8) {
  internal::RawItem item = Item("good");
  item.set_id("\xc0");
  EXPECT_EQ(ItemProblem(item).field, "items[7].id");
}

TEST(ValidateCall, RefusesNoItems) {
  EXPECT_EQ(CallProblem({}).field, "items");
}

TEST(ValidateCall, RefusesTooManyItems) {
  internal::RawClassifyRequest request;
  for (int i = 0; i < 4; ++i) *request.add_items() = Item("good");
  EXPECT_EQ(std::string(CallProblem(request).status.message()), "items: 4 of them; at most 3");
}

TEST(ValidateCall, RefusesEnumValuesNobodyKnows) {
  internal::RawClassifyRequest request = OneItem();
  request.set_truncation(9);
  EXPECT_EQ(CallProblem(request).field, "truncation");
  request = OneItem();
  request.set_function_to_apply(-1);
  EXPECT_EQ(CallProblem(request).field, "function_to_apply");
  request = OneItem();
  request.set_priority(3);
  EXPECT_EQ(CallProblem(request).field, "priority");
}

TEST(ValidateCall, RefusesATopKOfZero) {
  internal::RawClassifyRequest request = OneItem();
  request.set_top_k(0);
  EXPECT_EQ(CallProblem(request).field, "top_k");
}

TEST(ValidateCall, CarriesTheSettings) {
  internal::RawClassifyRequest request = OneItem();
  request.set_truncation(v1::TRUNCATION_LEFT);
  request.set_function_to_apply(v1::FUNCTION_SIGMOID);
  request.set_top_k(2);
  request.set_return_logits(true);
  request.set_priority(v1::PRIORITY_LOW);
  CallSettings settings;
  EXPECT_FALSE(ValidateCall(request, kLimits, &settings));
  EXPECT_EQ(settings.truncation, tokenizer::Truncation::kLeft);
  EXPECT_EQ(settings.function, v1::FUNCTION_SIGMOID);
  EXPECT_EQ(settings.top_k, 2u);
  EXPECT_TRUE(settings.return_logits);
  EXPECT_FALSE(settings.allow_partial);
  EXPECT_EQ(settings.priority, call::Priority::kLow);
}

TEST(Quote, EscapesAndCuts) {
  EXPECT_EQ(Quote("a\"\n"), "\"a\\\"\\n\"");
  EXPECT_EQ(Quote(std::string(1000, 'x')).size(), 64u + 2 + 3);
}

}  // namespace
}  // namespace roberta::service
