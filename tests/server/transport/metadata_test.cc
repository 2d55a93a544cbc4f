#include "server/transport/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace roberta::transport {
namespace {

google::rpc::BadRequest DetailOf(const grpc::Status& status) {
  google::rpc::Status rich;
  EXPECT_TRUE(rich.ParseFromString(status.error_details()));
  google::rpc::BadRequest detail;
  EXPECT_TRUE(rich.details_size() == 1 && rich.details(0).UnpackTo(&detail));
  return detail;
}

TEST(ToGrpcStatus, EveryCodeKeepsItsNumber) {
  for (int code = 0; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"), {});
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
  }
}

TEST(ToGrpcStatus, ListsTheBadFields) {
  const absl::Status bad = absl::InvalidArgumentError("items[3].text: the text is empty");
  const grpc::Status status = ToGrpcStatus(bad, {{"items[3].text", bad}});
  const google::rpc::BadRequest detail = DetailOf(status);
  ASSERT_EQ(detail.field_violations_size(), 1);
  EXPECT_EQ(detail.field_violations(0).field(), "items[3].text");
  EXPECT_EQ(detail.field_violations(0).description(), "items[3].text: the text is empty");
}

TEST(ToGrpcStatus, AListTooLongForATrailerIsCutAndSaysSo) {
  std::vector<service::FieldProblem> problems;
  for (int i = 0; i < 5000; ++i) {
    problems.push_back({absl::StrCat("items[", i, "].text"), absl::InvalidArgumentError("the text is empty")});
  }
  const grpc::Status status = ToGrpcStatus(problems[0].status, problems);
  EXPECT_LT(status.error_details().size(), 4096u);
  const google::rpc::BadRequest detail = DetailOf(status);
  EXPECT_GT(detail.field_violations_size(), 10);
  const auto& last = detail.field_violations(detail.field_violations_size() - 1);
  EXPECT_EQ(last.description(),
            absl::StrCat(5000 - detail.field_violations_size() + 1, " more bad items are not listed here"));
}

}  // namespace
}  // namespace roberta::transport
