#include "profiles/checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::AsBytes;
using checkpoint_fixture::SafetensorsBytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ErrorOf(std::string_view bytes) {
  const auto file = ParseSafetensors(AsBytes(bytes));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(file.status().message());
}

std::string PrefixOf(uint64_t header_bytes) {
  std::string prefix(8, '\0');
  std::memcpy(prefix.data(), &header_bytes, 8);
  return prefix;
}

constexpr char kTwoTensors[] = R"({"b":{"dtype":"F16","shape":[3],"data_offsets":[8,14]},)"
                               R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";

TEST(Safetensors, TensorsAreListedByPlaceInTheFile) {
  const std::string bytes = SafetensorsBytes(kTwoTensors, 14);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors.size(), 2u);
  EXPECT_EQ(file->tensors[0].name, "a");
  EXPECT_EQ(file->tensors[1].name, "b");
}

TEST(Safetensors, TensorsHaveTheDtypeAndShapeOfTheHeader) {
  const std::string bytes = SafetensorsBytes(kTwoTensors, 14);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors[0].dtype, Dtype::kF32);
  EXPECT_THAT(file->tensors[0].shape, ElementsAre(1, 2));
}

TEST(Safetensors, ViewsPointIntoTheFile) {
  const std::string bytes = SafetensorsBytes(kTwoTensors, 14);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors[1].data.data(), AsBytes(bytes).data() + bytes.size() - 6);
  EXPECT_EQ(file->tensors[1].data.size(), 6u);
}

TEST(Safetensors, MetadataIsRead) {
  const std::string bytes = SafetensorsBytes(R"({"__metadata__":{"format":"pt"}})", 0);
  EXPECT_EQ(ParseSafetensors(AsBytes(bytes))->metadata.at("format"), "pt");
}

TEST(Safetensors, HeaderMayBePaddedWithSpaces) {
  EXPECT_TRUE(ParseSafetensors(AsBytes(SafetensorsBytes("{}      ", 0))).ok());
}

TEST(Safetensors, WhatTheLibraryPassesOverIsPassedOver) {
  constexpr char kHeader[] =
      " \n{\"__metadata__\":null,\"a\":{\"x\":[1,{\"y\":[null,\"z\",-1.5,true]},{}],\"dtype\":\"F4\",\"shape\":"
      "[1,1,1,1,1,1,1,1,1,2],"
      "\"data_offsets\":[0,1],\"y\":{\"dtype\":1}},\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
      "\"a\\n\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[2,3]}}";
  const std::string bytes = SafetensorsBytes(kHeader, 3);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(DtypeName(file->tensors[0].dtype), "F4");
  EXPECT_EQ(file->tensors[0].shape.size(), 10u);
  EXPECT_EQ(file->tensors[1].name, "");
  EXPECT_EQ(file->tensors[2].name, "a\n");
}

TEST(Safetensors, EmptyHeaderHasNoTensors) {
  EXPECT_THAT(ParseSafetensors(AsBytes(SafetensorsBytes("{}", 0)))->tensors, IsEmpty());
}

TEST(Safetensors, ScalarHasOneElement) {
  const std::string bytes = SafetensorsBytes(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4);
  EXPECT_EQ(ParseSafetensors(AsBytes(bytes))->tensors.at(0).elements(), 1);
}

TEST(Safetensors, EmptyTensorTakesNoBytes) {
  const std::string bytes = SafetensorsBytes(R"({"a":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]}})", 0);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors.at(0).elements(), 0);
}

TEST(Safetensors, EveryPrefixOfAFileIsRefused) {
  const std::string bytes = SafetensorsBytes(kTwoTensors, 14);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(ParseSafetensors(AsBytes(std::string_view(bytes).substr(0, length))).ok()) << length;
  }
}

TEST(Safetensors, FileShorterThanItsPrefixIsRefused) {
  EXPECT_THAT(ErrorOf("1234567"), HasSubstr("is 7 bytes long"));
}

TEST(Safetensors, HeaderLongerThanTheFileIsRefused) {
  EXPECT_THAT(ErrorOf(PrefixOf(3) + "{}"), HasSubstr("header length is 3 bytes, but only 2 follow"));
}

TEST(Safetensors, HeaderOfMoreThan16MegabytesIsRefused) {
  EXPECT_THAT(ErrorOf(PrefixOf(16'000'001) + "{}"), HasSubstr("header length is 16000001 bytes; at most 16000000"));
}

TEST(Safetensors, HeaderLengthThatOverflowsIsRefused) {
  EXPECT_THAT(ErrorOf(PrefixOf(std::numeric_limits<uint64_t>::max()) + "{}"),
              HasSubstr("header length is 18446744073709551615"));
}

TEST(Safetensors, BytesAfterTheLastTensorAreRefused) {
  EXPECT_THAT(ErrorOf(SafetensorsBytes(kTwoTensors, 15)), HasSubstr("has 15 bytes of data, but its tensors end at 14"));
}

/// A header, the number of bytes that follow it, and what the error says.
struct Refusal {
  const char* header;
  size_t data_bytes;
  const char* text;
};
class RefusedHeaders : public ::testing::TestWithParam<Refusal> {};
TEST_P(RefusedHeaders, AreNamedWithTensorFieldAndValue) {
  const auto& [header, data_bytes, text] = GetParam();
  EXPECT_THAT(ErrorOf(SafetensorsBytes(header, data_bytes)), HasSubstr(text));
}
INSTANTIATE_TEST_SUITE_P(
    All, RefusedHeaders,
    ::testing::Values(
        Refusal{"", 0, "not JSON"}, Refusal{"[]", 0, "header: is [], not an object"}, Refusal{"{", 0, "not JSON"},
        Refusal{"{}{}", 0, "not JSON"},
        Refusal{R"({"a":1})", 0, R"(tensor "a": field "dtype" is 1; it must be in an object)"},
        Refusal{R"({"a":[]})", 0, R"(tensor "a": field "dtype" is []; it must be in an object)"},
        Refusal{R"({"a":{}})", 0, R"(tensor "a": field "dtype" is null; it must be a type of the format)"},
        Refusal{R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4,
                R"(tensor "a": field "shape" is null; it must be an array)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1]}})", 4,
                R"(tensor "a": field "data_offsets" is null; it must be an)"},
        Refusal{R"({"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}})", 16,
                R"(tensor "a": field "dtype" is "F128"; it must be a type of the format)"},
        Refusal{R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2,
                R"(tensor "a": field "shape" overflows or)"},
        Refusal{R"({"a":{"dtype":5,"shape":[1],"data_offsets":[0,4]}})", 4, R"(field "dtype" is 5; it must be a type)"},
        Refusal{R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,4]}})", 4,
                R"(field "shape" is 4; it must be an array)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, R"(is [-1]; it)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, R"(is [1.0]; it)"},
        Refusal{R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, R"(is ["1"]; it)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, R"(is [[1]]; it)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}})", 4,
                R"(is [9223372036854775808]; it)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "an array of two integers"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4, "an array of two integers"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4, R"(is [-4,0]; it)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":null}})", 4, R"(is null; it)"},
        Refusal{R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
                R"(key "dtype" occurs twice in one object)"},
        Refusal{
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
            8, R"(key "a" occurs twice in one object)"},
        Refusal{R"({"__metadata__":{"format":1}})", 0,
                R"(__metadata__ is {"format":1}; it must be an object of strings)"},
        Refusal{R"({"__metadata__":"pt"})", 0, R"(__metadata__ is "pt"; it must be an object of strings)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
                R"(field "shape" overflows)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,0]}})", 0,
                R"(field "shape" overflows)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0,
                R"(field "shape" overflows)"},
        Refusal{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
                "[0, 4], but dtype and shape take 8 bytes"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "[4, 0], which ends before it begins"},
        Refusal{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4,
                "[0, 8], but the file has 4 bytes of data"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775804,9223372036854775807]}})", 4,
                "but the file has 4 bytes of data"},
        Refusal{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "[4, 8], which leaves a gap"},
        Refusal{
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
            12, "[4, 12], which overlaps the tensor before it, whose data end at 8"}));

TEST(Safetensors, NulInTheHeaderDoesNotEndIt) {
  const std::string header("{}\0\"rest", 8);
  EXPECT_THAT(ErrorOf(SafetensorsBytes(header, 0)), HasSubstr("NUL byte at offset 2"));
}

TEST(Safetensors, NameThatIsNotUtf8IsRefused) {
  EXPECT_THAT(ErrorOf(SafetensorsBytes("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4)),
              HasSubstr("not JSON"));
}

TEST(Safetensors, DeepNestingIsRefused) {
  EXPECT_THAT(ErrorOf(SafetensorsBytes("{\"a\":" + std::string(1'000'000, '['), 0)),
              HasSubstr("nested deeper than 32 levels"));
}

}  // namespace
}  // namespace roberta::checkpoint
