// The server reads requests through a twin of the public message; the two must not drift apart.
#include <gtest/gtest.h>

#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"
#include "tei/v1/tei.pb.h"

namespace roberta {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

void ExpectTwins(const Descriptor* published, const Descriptor* raw) {
  ASSERT_EQ(published->field_count(), raw->field_count());
  for (int i = 0; i < published->field_count(); ++i) {
    const FieldDescriptor* field = published->field(i);
    const FieldDescriptor* twin = raw->FindFieldByName(field->name());
    ASSERT_NE(twin, nullptr) << field->full_name();
    EXPECT_EQ(twin->number(), field->number()) << field->full_name();
    EXPECT_EQ(twin->label(), field->label()) << field->full_name();
    EXPECT_EQ(twin->has_presence(), field->has_presence()) << field->full_name();
    switch (field->type()) {
      case FieldDescriptor::TYPE_STRING:
        EXPECT_EQ(twin->type(), FieldDescriptor::TYPE_BYTES) << field->full_name();
        break;
      case FieldDescriptor::TYPE_ENUM:
        EXPECT_EQ(twin->type(), FieldDescriptor::TYPE_INT32) << field->full_name();
        break;
      case FieldDescriptor::TYPE_MESSAGE:
        ExpectTwins(field->message_type(), twin->message_type());
        break;
      default:
        EXPECT_EQ(twin->type(), field->type()) << field->full_name();
    }
  }
}

TEST(RawClassifyRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(v1::ClassifyRequest::descriptor(), internal::RawClassifyRequest::descriptor());
}

TEST(RawClassifyStreamRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(v1::ClassifyStreamRequest::descriptor(), internal::RawClassifyStreamRequest::descriptor());
}

TEST(RawCompareRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(v1::CompareRequest::descriptor(), internal::RawCompareRequest::descriptor());
}

TEST(RawProfileRequest, IsTheTwinOfEveryMessageThatNamesAProfile) {
  ExpectTwins(v1::LoadProfileRequest::descriptor(), internal::RawProfileRequest::descriptor());
  ExpectTwins(v1::UnloadProfileRequest::descriptor(), internal::RawProfileRequest::descriptor());
  ExpectTwins(v1::SetDefaultProfileRequest::descriptor(), internal::RawProfileRequest::descriptor());
}

TEST(RawPredictRequest, IsTheTwinOfThePairsMessage) {
  ExpectTwins(tei::v1::PredictPairRequest::descriptor(), internal::RawPredictRequest::descriptor());
}

TEST(RawPredictRequest, ReadsTheMessageOfOneText) {
  tei::v1::PredictRequest request;
  request.set_inputs("good");
  request.set_truncate(true);
  request.set_raw_scores(true);
  request.set_truncation_direction(tei::v1::TRUNCATION_DIRECTION_LEFT);
  internal::RawPredictRequest raw;
  ASSERT_TRUE(raw.ParseFromString(request.SerializeAsString()));
  EXPECT_EQ(raw.SerializeAsString(), request.SerializeAsString());
  EXPECT_EQ(raw.inputs(0), "good");
  EXPECT_TRUE(raw.truncate() && raw.raw_scores());
  EXPECT_EQ(raw.truncation_direction(), tei::v1::TRUNCATION_DIRECTION_LEFT);
}

TEST(RawEncodeRequest, IsTheTwinOfTheMessageClientsSend) {
  ExpectTwins(tei::v1::EncodeRequest::descriptor(), internal::RawEncodeRequest::descriptor());
}

}  // namespace
}  // namespace roberta
